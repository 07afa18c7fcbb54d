"""The layout of any list, hands.csv: what its columns become, and what is refused."""

import pytest

from handid.data import manifest

START = "path,subject,view\n"
LINES = [
    "a/1.jpg,ann,left",
    "a/2.jpg,ann,right",
    "b/1.jpg,bob 2,left",
    "b/2.JPG,bob 10,left",
]


@pytest.fixture
def write(tmp_path, save_image):
    """Write hands.csv, and an image wherever LINES name one: write(text) -> the folder."""

    def written(text, encoding="utf-8", newline="\n"):
        for line in LINES:
            save_image(tmp_path / line.split(",")[0], format="JPEG")
        text = text.replace("\n", newline)
        (tmp_path / "hands.csv").write_bytes(text.encode(encoding))
        return tmp_path

    return written


def as_list(*extra, lines=LINES, header=START):
    return header + "\n".join([*lines, *extra]) + "\n"


def test_a_list_becomes_a_table(write):
    root = write(as_list())
    table = manifest.read(root)
    assert list(table.columns) == ["path", "subject", "view", "identity", "role", "burst"]
    assert table["path"].tolist() == [
        str(root / p) for p in ("a/1.jpg", "b/1.jpg", "b/2.JPG", "a/2.jpg")
    ]
    assert table["identity"].tolist() == ["ann left", "bob 2 left", "bob 10 left", "ann right"]
    assert set(table["role"]) == {"subject"}


def test_sessions_roles_and_metadata_are_kept_and_numbers_are_numbers(write):
    header = "view,path,subject,role,session,age,skin color,weight\n"
    lines = [
        "left,a/1.jpg,7,,s1,30,light,1.5",
        "left,a/2.jpg,007,subject,s2,31,dark,",
        "left,b/1.jpg,12,subject,s1,40,,2",
        "left,b/2.JPG,13,distractor,s1,50,light,3",
    ]
    table = manifest.read(write(as_list(lines=lines, header=header)))
    by_path = table.sort_values("path", ignore_index=True)
    assert by_path["subject"].tolist() == [7, 7, 12, 13]
    assert by_path["role"].tolist() == ["subject"] * 3 + ["distractor"]
    assert by_path["session"].tolist() == ["s1", "s2", "s1", "s1"]
    assert by_path["burst"].tolist() == [0, 1, 0, 0]  # what was taken in one go
    assert by_path["age"].tolist() == [30, 31, 40, 50] and by_path["age"].dtype == "int64"
    assert by_path["skin color"].tolist() == ["light", "dark", "", "light"]
    assert by_path["weight"].isna().tolist() == [False, True, False, False]
    assert by_path["weight"][0] == 1.5


def test_where_no_row_names_a_view_the_set_has_one(write):
    lines = [line.rsplit(",", 1)[0] + "," for line in LINES]
    assert set(manifest.read(write(as_list(lines=lines)))["view"]) == {"hand"}


def test_hands_with_accessories_are_left_out_where_the_list_tells(write):
    lines = [f"{line},{number % 2}" for number, line in enumerate(LINES)]
    root = write(as_list(lines=lines, header="path,subject,view,accessories\n"))
    assert len(manifest.read(root)) == 2
    table = manifest.read(root, accessories=True)
    assert len(table) == 4 and table["accessories"].dtype == "int64"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_spreadsheets_save_is_read(write, encoding, separator, newline):
    text = as_list("", ",,").replace(",", separator).replace("ann", '"Änn"')
    table = manifest.read(write(text, encoding, newline))
    assert set(table["subject"]) == {"Änn", "bob 2", "bob 10"}


def test_endings_in_any_case_are_the_same_file(write):
    table = manifest.read(write(as_list().replace("1.jpg", "1.JPG").replace("2.JPG", "2.jpg")))
    assert sorted(path[-7:] for path in table["path"]) == [
        "a/1.jpg",
        "a/2.jpg",
        "b/1.jpg",
        "b/2.JPG",
    ]


def test_one_file_under_two_spellings_is_not_of_two_people(write):
    with pytest.raises(ValueError, match=r"a/1.jpg and a/1.JPG are one file in .*: remove one row"):
        manifest.read(write(as_list("a/1.JPG,eve,left")))


def test_a_link_that_somebody_made_is_followed(write, tmp_path_factory, save_image):
    root = write(as_list("far/1.jpg,cat,left"))
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    save_image(elsewhere / "1.jpg")
    (root / "far").symlink_to(elsewhere, target_is_directory=True)
    assert len(manifest.read(root)) == 5


@pytest.mark.parametrize(
    "path", ["/a/1.jpg", "../1.jpg", "a/../../1.jpg", "a/..", "~/1.jpg", "a\\1.jpg", "C:/1.jpg", ""]
)
def test_a_path_that_leaves_its_folder_is_refused(write, path):
    with pytest.raises(ValueError, match="in data row 5, expected a path below the folder"):
        manifest.read(write(as_list(f"{path},cat,left")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            as_list(header="path,person,view\n"),
            "lacks the column 'subject': it has path, person, vi",
        ),
        (as_list(header="path,subject,view,view\n"), "has the column 'view' twice"),
        (as_list("a/9.jpg,cat,left,1,2"), "data row 5 has more cells than the header, which has 3"),
        (as_list("a/9.jpg,,left"), "subject is '' in data row 5, expected a person"),
        (as_list("a/9.jpg,cat,"), "view is '' in data row 5, expected a view, or none in all rows"),
        (as_list("a/1.jpg,cat,left"), "lists a/1.jpg twice"),
        (as_list("a//1.jpg,cat,left"), "lists a/1.jpg twice"),
        (as_list("c.jpg,ann left,hand", "d.jpg,ann,left hand"), "'ann left hand' is of two people"),
        (as_list(header=START.replace("\n", ",identity\n")), "column 'identity', which is made of"),
        (
            as_list(header=START.replace("\n", ",burst\n")),
            "column 'burst', which is made of session",
        ),
        (as_list("c.jpg,c,left,boss", header=START.replace("\n", ",role\n")), "role is 'boss'"),
        (
            as_list("c.jpg,ann,up,distractor", header=START.replace("\n", ",role\n")),
            "ann is a subj",
        ),
        (as_list(header=START.replace("\n", ",accessories\n")), "accessories is '' in data row 1"),
        (as_list("a/9.jpg,<b>,left"), "The subject '<b>' cannot be shown in titles"),
        (as_list(lines=LINES[:2]), "lists 1 person to be found: two are needed"),
        (START, "lists no image"),
        ("", "is not a readable CSV file: it is empty"),
        ("\0" + START, "save it as text in UTF-8"),
        ("path,subject,,view\n1,2,3,4", "has a column without a name"),
        ("path,subject,view\n" + "x" * 200_000 + ",a,b", "not a readable CSV file: field larger"),
    ],
)
def test_a_bad_list_is_refused_in_one_sentence(write, text, message):
    with pytest.raises(ValueError, match=message) as error:
        manifest.read(write(text))
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


def test_other_encodings_are_refused_saying_which_to_use(write):
    with pytest.raises(
        ValueError, match="hands.csv is not a readable CSV file: save it as text in"
    ):
        manifest.read(write(as_list().replace("ann", "änn"), "latin-1"))


def test_missing_images_are_named_or_skipped_as_asked(write):
    root = write(as_list("a/9.jpg,cat,left"))
    with pytest.raises(FileNotFoundError, match=r"1 of 5 images are missing or empty .*a/9.jpg"):
        manifest.read(root)
    with pytest.warns(UserWarning, match="1 of 5 images"):
        assert len(manifest.read(root, missing="skip")) == 4


def test_where_all_images_lie_one_folder_deeper_that_folder_is_named(write):
    root = write(as_list())
    for name in ("a", "b"):
        (root / "photographs").mkdir(exist_ok=True)
        (root / name).rename(root / "photographs" / name)
    for missing in ("error", "skip"):
        with pytest.raises(
            FileNotFoundError, match="none of the 4 listed .*, but .*photographs do"
        ):
            manifest.read(root, missing=missing)


def test_without_a_list_that_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="hands.csv is missing: name the folder that holds"):
        manifest.read(tmp_path)


def test_one_name_in_two_spellings_is_refused_and_in_two_encodings_is_one(write):
    both = write(as_list("b/1.jpg,Zoe\u0308,left", "b/2.JPG,Zo\u00eb,left", lines=LINES[:2]))
    assert manifest.read(both)["subject"].nunique() == 2
    for lines, names in (
        (["a/1.jpg,7,left", "a/2.jpg,007,left", "b/1.jpg,ann,left"], "'7' and '007'"),
        (["a/1.jpg,1,left", "a/2.jpg,1,Left", "b/1.jpg,2,left"], "'left' and 'Left'"),
    ):
        with pytest.raises(ValueError, match=f"{names} are one name in two spellings"):
            manifest.read(write(as_list(lines=lines)))


def test_excels_line_that_tells_the_separator_is_read(write):
    text = "sep=;\n" + as_list().replace(",", ";")
    assert len(manifest.read(write(text))) == len(LINES)


@pytest.mark.parametrize("name", ["self", "by", "index", "name", "cls", "metadata"])
def test_a_column_may_have_any_name(write, name):
    header, lines = f"{START.strip()},{name}\n", [f"{line},x{n}" for n, line in enumerate(LINES)]
    table = manifest.read(write(as_list(lines=lines, header=header)))
    assert sorted(table[name]) == ["x0", "x1", "x2", "x3"]


@pytest.mark.parametrize(
    "listed, there", [("e\u0301.jpg", "\u00e9.jpg"), ("\u00e9.jpg", "e\u0301.jpg")]
)
def test_a_file_is_found_in_either_spelling_of_an_accent(write, save_image, listed, there):
    root = write(as_list(f"b/{listed},bob 2,left"))
    save_image(root / "b" / there)
    assert str(root / "b" / there) in manifest.read(root)["path"].tolist()


@pytest.mark.parametrize("nobody", ["nan", "NaN", "None", "NULL", "<NA>", "#N/A", "N/A"])
def test_what_a_program_writes_for_a_missing_name_is_nobody(write, nobody):
    with pytest.raises(ValueError, match=r"subject is .* in data row 5, expected a person"):
        manifest.read(write(as_list(f"c/1.jpg,{nobody},left")))
    with pytest.raises(ValueError, match=r"view is .* in data row 5, expected a view"):
        manifest.read(write(as_list(f"c/1.jpg,ann,{nobody}")))


def test_people_may_be_called_nearly_nothing(write):
    lines = [line.replace("ann", "Nan").replace("bob", "Na") for line in LINES]
    assert "Nan" in manifest.read(write(as_list(lines=lines)))["subject"].tolist()


def test_a_number_that_a_spreadsheet_made_a_fraction_is_the_same_number(write):
    lines = [LINES[0].replace("ann", "7"), LINES[1].replace("ann", "7.0"), *LINES[2:]]
    with pytest.raises(ValueError, match=r"'7' and '7\.0' are one name in two spellings"):
        manifest.read(write(as_list(lines=lines)))


def test_a_path_that_breaks_a_line_is_refused(write):
    with pytest.raises(ValueError, match="expected a path below the folder") as caught:
        manifest.read(write(as_list('"c/\n1.jpg",ann,left')))
    assert "\n" not in str(caught.value)
