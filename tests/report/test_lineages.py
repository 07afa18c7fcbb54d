"""Lines of work: every method has one, and a floor has no network."""

import pytest

from handid import recipes
from handid.method import METHODS
from handid.recipes import files
from handid.report import lineages, rows, tables


def test_every_method_that_is_scored_has_a_line_of_work():
    known = [method for part in lineages._LINEAGES.values() for method in part]
    assert sorted(known) == sorted(set(METHODS) - {"clip_pretrain"})


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_is_found_by_its_key_with_and_without_a_control(name):
    line = lineages.lineage(name)
    assert lineages.lineage(f"{name}:some_control:untrained") == line
    assert (line == lineages.OTHERS) == (files.content(name)["method"] == "clip_pretrain")


def test_a_system_of_nobody_s_package_stands_among_the_others(row, tidy):
    parts = tables.by_lineage(tidy(row(system="theirs"), row("Raw pixels"), row()))
    assert [*parts] == [lineages.FLOORS, "CLIP, image encoder fine-tuned", lineages.OTHERS]


def test_a_floor_has_no_backbone_unless_it_stands_there_with_two(row, tidy):
    one = tidy(row("Raw pixels"), row(), row(backbone="RN50"))
    two = tidy(row("Raw pixels"), row("Raw pixels", backbone="RN50"))
    assert rows.labelled(one)["label"].tolist() == [
        "Raw pixels",
        "CLIP-FT, ViT-B/16",
        "CLIP-FT, RN50",
    ]
    assert rows.labelled(two)["label"].tolist() == ["Raw pixels, ViT-B/16", "Raw pixels, RN50"]
    assert rows.backbones(one).tolist() == ["–", "ViT-B/16", "RN50"]
    assert tables.wide(one)["backbone"].tolist() == ["–", "ViT-B/16", "RN50"]
    alone = tidy(row("Raw pixels"), row())
    assert "backbone" not in tables.wide(alone) and "backbone" not in tables.beside_published(alone)
    assert tables.setting(alone).startswith("ViT-B/16, 1 seed")
    assert tables.setting(tidy(row("Raw pixels"))).startswith("1 seed")


def test_each_table_is_best_first_whatever_the_order_of_its_rows(row, tidy):
    some = tidy(
        row(value=60), row(metric="mAP", value=99), row("CLIP-FT arcface", value=70),
        row("CLIP-FT untrained", metric="mAP", value=80),
    )  # fmt: skip
    (table,) = tables.by_lineage(some).values()
    assert table["method"].tolist() == [
        "CLIP-FT arcface",
        "CLIP-FT",
        "CLIP-FT",
        "CLIP-FT untrained",
    ]
    assert sorted(table.index) == sorted(some.index)


def test_the_figure_of_the_study_shows_systems_as_they_are_on_the_first_test_set(row, tidy):
    left = "11k dorsal left"
    some = tidy(
        row(value=60), row("CLIP-FT arcface", value=70), row("CLIP-FT untrained", value=50),
        row("CLIP-ZS", value=65), row(value=90, train_set=left), row("GPA-Net", target=left),
    )  # fmt: skip
    assert tables.main(some)["method"].tolist() == ["CLIP-ZS", "CLIP-FT"]
