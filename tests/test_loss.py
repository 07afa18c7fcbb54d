"""loss.py: hand numbers, loops in float64, another library, finite differences, laws, refusals."""

import math

import pytest
import torch
import torch.nn.functional as F
from pytorch_metric_learning.distances import CosineSimilarity, LpDistance
from pytorch_metric_learning.losses import ArcFaceLoss, SupConLoss, TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner
from pytorch_metric_learning.reducers import MeanReducer

from handid import loss


@pytest.fixture
def batch():
    """Ten rows of two modalities in float64; identities of one to four rows."""
    generator = torch.Generator().manual_seed(0)
    images, texts = torch.randn(2, 10, 6, generator=generator, dtype=torch.float64)
    return images, 3 * texts, torch.tensor([4, 4, 4, 4, 7, 7, 7, 1, 1, 9])


def contrast_by_loop(anchors, contrasts, labels, temperature, cosine=True):
    """CLIP-HandID, Eq. (6), sum by sum."""
    anchors, contrasts = anchors.detach(), contrasts.detach()
    total = 0.0
    for i in range(len(anchors)):
        scores = []
        for j in range(len(contrasts)):
            score = sum(float(a) * float(c) for a, c in zip(anchors[i], contrasts[j], strict=True))
            if cosine:
                score /= math.hypot(*anchors[i].tolist()) * math.hypot(*contrasts[j].tolist())
            scores.append(score / temperature)
        log_sum = math.log(sum(math.exp(score) for score in scores))
        positives = [j for j in range(len(labels)) if labels[j] == labels[i]]
        total -= sum(scores[j] - log_sum for j in positives) / len(positives)
    return total / len(anchors)


def unit(*degrees):
    angles = torch.tensor(degrees, dtype=torch.float64) * math.pi / 180
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def test_smoothed_cross_entropy_of_one_row_is_worked_by_hand():
    # Shares 1/2, 1/4, 1/4; the label's is 1/2: 0.9 ln 2 + 0.1 / 3 (ln 2 + 2 ln 4), where
    # ln 2 + 2 ln 4 = 5 ln 2.
    logits = torch.tensor([[2.0, 1.0, 1.0]], dtype=torch.float64).log()
    value = loss.label_smoothed_cross_entropy(logits, torch.tensor([0]), 0.1)
    assert value.item() == pytest.approx(0.9 * math.log(2) + math.log(2) / 6, rel=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_torch_smooths_as_the_paper_does(smoothing):
    logits = torch.randn(7, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 3, 4, 0, 1])
    total = 0.0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        log_sum = math.log(sum(math.exp(score) for score in row))
        total += (1 - smoothing) * (log_sum - row[label])
        total += smoothing / 5 * sum(log_sum - score for score in row)
    value = loss.label_smoothed_cross_entropy(logits, labels, smoothing)
    assert value.item() == pytest.approx(total / 7, rel=1e-12)


def test_smoothed_cross_entropy_of_equal_logits_is_log_k_whatever_the_smoothing():
    for smoothing in (0.0, 0.1, 0.5):
        value = loss.label_smoothed_cross_entropy(
            torch.zeros(3, 8), torch.tensor([0, 3, 7]), smoothing
        )
        assert value.item() == pytest.approx(math.log(8), rel=1e-6)


def test_two_rows_of_one_identity_and_one_of_another_give_the_numbers_worked_by_hand():
    # Images at 0, 10 and 90 degrees, texts at 20, 50 and 90; two are one person; temperature 1.
    #   image at  0: cosines .9397 .6428 0      ln 5.4610 - (.9397 + .6428) / 2 = .9064
    #   image at 10: cosines .9848 .7660 .1736  ln 6.0181 - (.9848 + .7660) / 2 = .9193
    #   image at 90: cosines .3420 .7660 1      ln 6.2773 - 1                   = .8369
    images, texts = unit(0, 10, 90), unit(20, 50, 90)
    value = loss.supervised_contrastive(images, texts, torch.tensor([5, 5, 2]), 1.0)
    assert value.item() == pytest.approx((0.9064 + 0.9193 + 0.8369) / 3, abs=1e-4)


@pytest.mark.parametrize("temperature", [0.07, 0.5, 1.0])
@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_both_directions_are_those_of_the_loops(batch, temperature, similarity):
    images, texts, labels = batch
    for anchors, contrasts in ((images, texts), (texts, images)):
        value = loss.supervised_contrastive(anchors, contrasts, labels, temperature, similarity)
        expected = contrast_by_loop(anchors, contrasts, labels, temperature, similarity == "cosine")
        assert value.item() == pytest.approx(expected, rel=1e-10)
    assert not torch.isclose(
        loss.supervised_contrastive(images, texts, labels, temperature, similarity),
        loss.supervised_contrastive(texts, images, labels, temperature, similarity),
    )


def test_it_is_the_loss_of_pytorch_metric_learning(batch):
    images, texts, labels = batch
    other = SupConLoss(temperature=0.2, distance=CosineSimilarity())
    # A copy of the labels: with the same object that library drops each row's own counterpart.
    expected = other(images, labels, ref_emb=texts, ref_labels=labels.clone())
    value = loss.supervised_contrastive(images, texts, labels, 0.2)
    assert value.item() == pytest.approx(expected.item(), rel=1e-10)


def test_with_one_row_an_identity_it_is_cross_entropy_with_the_own_counterpart(batch):
    images, texts, _ = batch
    value = loss.supervised_contrastive(images, texts, torch.arange(10), 0.3)
    cosine = F.normalize(images, dim=1) @ F.normalize(texts, dim=1).T
    assert value.item() == pytest.approx(F.cross_entropy(cosine / 0.3, torch.arange(10)).item())


@pytest.mark.parametrize("n_rows", [1, 2, 17])
def test_embeddings_that_are_all_equal_give_log_b(n_rows):
    rows = torch.ones(n_rows, 4)
    for labels in (torch.arange(n_rows), torch.zeros(n_rows, dtype=torch.long)):
        value = loss.supervised_contrastive(rows, 2 * rows, labels, 0.07)
        assert value.item() == pytest.approx(math.log(n_rows), abs=1e-6)


def test_matched_embeddings_reach_the_closed_form():
    # Orthogonal pairs: each anchor has cosine 1 with its own text and 0 with the B - 1 others.
    value = loss.supervised_contrastive(torch.eye(5), 7 * torch.eye(5), torch.arange(5), 0.5)
    assert value.item() == pytest.approx(math.log(1 + 4 * math.exp(-2)), rel=1e-6)


def test_gradients_are_those_of_finite_differences(batch):
    images, texts, labels = batch
    images, texts = images.clone().requires_grad_(), texts.clone().requires_grad_()
    for similarity in ("cosine", "dot"):
        assert torch.autograd.gradcheck(
            lambda a, c, s=similarity: loss.supervised_contrastive(a, c, labels, 0.5, s),
            (images, texts),
        )
    assert torch.autograd.gradcheck(
        lambda logits: loss.label_smoothed_cross_entropy(logits, labels % 6, 0.1), (images,)
    )


def test_the_order_of_the_rows_changes_nothing(batch):
    images, texts, labels = batch
    order = torch.tensor([3, 1, 9, 0, 2, 8, 7, 6, 5, 4])
    value = loss.supervised_contrastive(images, texts, labels, 0.2)
    shuffled = loss.supervised_contrastive(images[order], texts[order], labels[order], 0.2)
    assert value.item() == pytest.approx(shuffled.item(), rel=1e-12)


def test_cosine_takes_no_notice_of_length_and_dot_does(batch):
    images, texts, labels = batch
    scale = torch.arange(1, 11, dtype=torch.float64)[:, None]
    for similarity, same in (("cosine", True), ("dot", False)):
        value = loss.supervised_contrastive(images, texts, labels, 0.5, similarity)
        scaled = loss.supervised_contrastive(images * scale, texts, labels, 0.5, similarity)
        assert torch.isclose(value, scaled).item() is same


def test_labels_are_names_and_not_numbers(batch):
    images, texts, labels = batch
    value = loss.supervised_contrastive(images, texts, labels, 0.2)
    assert value == loss.supervised_contrastive(images, texts, 1000 - 7 * labels, 0.2)


def test_pulling_a_positive_closer_lowers_the_loss():
    labels = torch.tensor([0, 0, 1])
    far = loss.supervised_contrastive(unit(0, 10, 90), unit(0, 60, 90), labels, 0.1)
    near = loss.supervised_contrastive(unit(0, 10, 90), unit(0, 10, 90), labels, 0.1)
    assert near < far


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened_before_it_can_hurt(batch, dtype):
    images, texts, labels = (part.to(dtype) if part.is_floating_point() else part for part in batch)
    images.requires_grad_()
    expected = contrast_by_loop(images.double(), texts.double(), labels, 0.01)
    value = loss.supervised_contrastive(images, texts, labels, 0.01)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(expected, rel=1e-4)  # float32 times 100
    value.backward()
    assert images.grad.isfinite().all() and images.grad.abs().sum() > 0


def test_autocast_changes_nothing(batch):
    images, texts, labels = (part.float() if part.is_floating_point() else part for part in batch)
    value = loss.supervised_contrastive(images, texts, labels, 0.01)
    entropy = loss.label_smoothed_cross_entropy(images, labels % 6, 0.1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert loss.supervised_contrastive(images, texts, labels, 0.01) == value
        assert loss.label_smoothed_cross_entropy(images, labels % 6, 0.1) == entropy


def test_huge_half_precision_logits_give_a_finite_entropy():
    logits = torch.tensor([[60000.0, -60000.0]], dtype=torch.float16)
    value = loss.label_smoothed_cross_entropy(logits, torch.tensor([1]), 0.1)
    assert value.item() == pytest.approx(0.95 * 120000, rel=1e-3)


def test_a_zero_embedding_keeps_loss_and_gradient_finite():
    images = torch.zeros(2, 3, requires_grad=True)
    value = loss.supervised_contrastive(images, torch.eye(3)[:2], torch.tensor([0, 1]), 0.07)
    value.backward()
    assert value.item() == pytest.approx(math.log(2)) and images.grad.isfinite().all()


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_is_not_above_0_is_refused(temperature):
    with pytest.raises(ValueError, match="temperature=.* must be above 0"):
        loss.supervised_contrastive(torch.eye(2), torch.eye(2), torch.tensor([0, 1]), temperature)


@pytest.mark.parametrize(
    ("anchors", "contrasts", "labels", "message"),
    [
        (torch.ones(2, 3), torch.ones(2, 4), torch.zeros(2), r"\(2, 3\) and contrasts \(2, 4\)"),
        (torch.ones(2, 3), torch.ones(4, 3), torch.zeros(2), r"\(2, 3\) and contrasts \(4, 3\)"),
        (torch.ones(3), torch.ones(3), torch.zeros(3), r"anchors \(3,\)"),
        (torch.ones(0, 3), torch.ones(0, 3), torch.zeros(0), "B at least 1"),
        (torch.ones(2, 3), torch.ones(2, 3), torch.zeros(3), r"\(3,\) labels for 2 rows"),
        (torch.ones(2, 3), torch.ones(2, 3), torch.zeros(2, 1), r"\(2, 1\) labels for 2 rows"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(anchors, contrasts, labels, message):
    with pytest.raises(ValueError, match=message):
        loss.supervised_contrastive(anchors, contrasts, labels, 0.1)


def test_an_unknown_similarity_is_refused():
    with pytest.raises(ValueError, match="similarity='euclid' is unknown: use cosine or dot"):
        loss.supervised_contrastive(torch.eye(2), torch.eye(2), torch.tensor([0, 1]), 0.1, "euclid")


def test_logits_and_smoothing_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"logits \(2, 3\) and labels \(3,\) do not fit"):
        loss.label_smoothed_cross_entropy(torch.ones(2, 3), torch.tensor([0, 1, 2]), 0.1)
    with pytest.raises(ValueError, match="B at least 1"):
        loss.label_smoothed_cross_entropy(torch.ones(0, 3), torch.tensor([], dtype=torch.long), 0.1)
    for smoothing in (-0.1, 1.0, float("nan")):
        with pytest.raises(ValueError, match="smoothing=.* is out of range"):
            loss.label_smoothed_cross_entropy(torch.ones(1, 3), torch.tensor([0]), smoothing)


# --- triplets and orthogonality -----------------------------------------------------------------


def triplet_by_loop(rows, labels, margin):
    """Hermans et al. 2017, Eq. (5), pair by pair."""
    total = 0.0
    for i, own in enumerate(labels):
        distances = [math.dist(rows[i], other) for other in rows]
        near = [d for d, label in zip(distances, labels, strict=True) if label != own]
        far = [d for d, label in zip(distances, labels, strict=True) if label == own]
        total += max(0.0, margin + max(far) - min(near)) if near else 0.0
    return total / len(rows)


@pytest.mark.parametrize("margin", [0.0, 0.3, 5.0])
def test_the_triplet_loss_is_the_loop_and_another_librarys(batch, margin):
    rows, _, labels = batch
    value = loss.batch_hard_triplet(rows, labels, margin)
    assert value.item() == pytest.approx(triplet_by_loop(rows.tolist(), labels.tolist(), margin))
    plain = LpDistance(normalize_embeddings=False)
    chosen = BatchHardMiner(distance=plain)(rows[:9], labels[:9])  # it skips rows without positive
    theirs = TripletMarginLoss(margin, distance=plain, reducer=MeanReducer())
    ours = loss.batch_hard_triplet(rows[:9], labels[:9], margin)
    assert ours.item() == pytest.approx(theirs(rows[:9], labels[:9], chosen).item(), rel=1e-6)


def test_a_triplet_worked_by_hand_and_one_without_a_negative():
    rows = torch.tensor([[0.0], [3.0], [4.0]], requires_grad=True)
    # Rows 0 and 1 are one person: 3 - 4 + 2 = 1, 3 - 1 + 2 = 4; row 2 has itself: 0 - 1 + 2 = 1.
    value = loss.batch_hard_triplet(rows, torch.tensor([0, 0, 1]), 2.0)
    assert value.item() == pytest.approx(6 / 3, abs=1e-5)
    alone = loss.batch_hard_triplet(rows, torch.tensor([0, 0, 0]), 2.0)
    alone.backward()
    assert alone.item() == 0 and rows.grad.isfinite().all()


def test_the_triplet_losses_gradient_is_that_of_finite_differences(batch):
    rows, _, labels = batch
    rows = rows.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss.batch_hard_triplet(x, labels, 1.0), rows)


def test_triplets_that_do_not_fit_are_refused():
    rows, labels = torch.zeros(2, 3), torch.tensor([0, 1])
    for arguments, sentence in (
        ((rows, labels[:1], 0.3), "do not fit"),
        ((rows[:0], labels[:0], 0.3), "B at least 1"),
        ((rows, labels, -1.0), "margin=-1.0 must be at least 0"),
    ):
        with pytest.raises(ValueError, match=sentence):
            loss.batch_hard_triplet(*arguments)


def gap_by_loop(matrix, start, again):
    """One power iteration each, number by number; see spectral_gap."""
    size = len(matrix)
    gram = [
        [sum(a * b for a, b in zip(matrix[i], matrix[j], strict=True)) for j in range(size)]
        for i in range(size)
    ]

    def rayleigh(vector, shift):
        for _ in range(2):
            before = vector
            vector = [
                sum(gram[i][j] * before[j] for j in range(size)) - shift * before[i]
                for i in range(size)
            ]
        dot = sum(a * b for a, b in zip(before, vector, strict=True))
        return dot / sum(a * a for a in before)

    largest = rayleigh(start, 0.0)
    return largest - (rayleigh(again, largest) + largest)


def test_one_step_of_the_gap_is_the_loop():
    matrices = torch.randn(3, 4, 6, generator=torch.Generator().manual_seed(0)).double()
    torch.manual_seed(1)
    gaps = loss.spectral_gap(matrices)
    torch.manual_seed(1)
    starts = [torch.randn(3, 4, 1, dtype=torch.float64)[..., 0].tolist() for _ in range(2)]
    for row in range(3):
        expected = gap_by_loop(matrices[row].tolist(), starts[0][row], starts[1][row])
        assert gaps[row].item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("shape", [(5, 4, 6), (5, 6, 4), (8, 3)])
def test_many_steps_of_the_gap_give_the_eigenvalues(shape):
    matrices = torch.randn(*shape, generator=torch.Generator().manual_seed(0)).double()
    values = torch.linalg.eigvalsh(matrices @ matrices.mT)
    gaps = loss.spectral_gap(matrices, steps=3000)
    assert torch.allclose(gaps, values[..., -1] - values[..., 0], rtol=1e-4)


def test_orthogonal_rows_have_no_gap_and_falling_along_its_gradient_closes_it():
    square = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(0)))[0]
    assert loss.spectral_gap(3 * square[:4]).abs().item() < 1e-4
    assert loss.spectral_gap(torch.zeros(2, 3)).item() == 0
    rows = torch.randn(4, 6, generator=torch.Generator().manual_seed(1), requires_grad=True)
    before = loss.spectral_gap(rows, steps=200).item()
    torch.manual_seed(0)
    for _ in range(100):
        (slope,) = torch.autograd.grad(loss.spectral_gap(rows, steps=20), rows)
        rows = (rows - 0.01 * slope).detach().requires_grad_()
    assert loss.spectral_gap(rows, steps=200).item() < before / 4


# --- likeness to a teacher ----------------------------------------------------------------------


def test_likeness_is_the_loop_over_pairs():
    generator = torch.Generator().manual_seed(0)
    ours, theirs = torch.randn(5, 3, generator=generator), torch.rand(5, 7, generator=generator)
    wide = theirs.double()
    columns = [(c - sum(c) / 5) / math.sqrt(sum((c - sum(c) / 5) ** 2) / 4) for c in wide.T]
    wide = torch.stack(columns, dim=1)
    gaps = []
    for i in range(5):
        for j in range(5):
            if i != j:
                a, b = ours[i].double(), ours[j].double()
                mine = (a @ b) / a.norm() / b.norm()
                wanted = (wide[i] @ wide[j]) / wide[i].norm() / wide[j].norm()
                gaps.append((mine - wanted) ** 2)
    assert loss.likeness(ours, theirs).item() == pytest.approx(
        (sum(gaps) / len(gaps)).item(), abs=1e-6
    )


def test_likeness_is_zero_for_the_teachers_own_features_and_whatever_their_length():
    theirs = torch.randn(6, 4, generator=torch.Generator().manual_seed(1))
    own = (theirs - theirs.mean(0)) / theirs.std(0)
    assert loss.likeness(3 * own, theirs).item() == pytest.approx(0, abs=1e-10)
    assert loss.likeness(own.flip(0), theirs) > 0.01


def test_likeness_without_a_pair_is_refused():
    with pytest.raises(ValueError, match="B at least 2"):
        loss.likeness(torch.ones(1, 3), torch.ones(1, 3))


# --- the tool box of re-identification ----------------------------------------------------------


def test_contrast_within_one_modality_is_that_of_pytorch_metric_learning(batch):
    rows, _, labels = batch  # identity 9 has one row: no positive
    expected = SupConLoss(temperature=0.2, distance=CosineSimilarity())(rows, labels)
    value = loss.supervised_contrastive_within(rows, labels, 0.2)
    assert value.item() == pytest.approx(expected.item(), rel=1e-10)


def test_contrast_within_one_modality_of_three_rows_is_worked_by_hand():
    # At 0 and 60 degrees one person, at 90 another; temperature 1. Without the row itself:
    #   row at  0: cosines .5 and 0     ln(e^.5 + 1) - .5      = .4741
    #   row at 60: cosines .5 and .8660 ln(e^.5 + e^.8660) - .5 = .8928; the third has no positive.
    value = loss.supervised_contrastive_within(unit(0, 60, 90), torch.tensor([3, 3, 8]), 1.0)
    assert value.item() == pytest.approx((0.4741 + 0.8928) / 2, abs=1e-4)


@pytest.mark.parametrize("n_rows", [1, 3])
def test_contrast_within_one_modality_is_zero_where_nobody_has_a_positive(n_rows):
    rows = torch.randn(n_rows, 4, requires_grad=True)
    value = loss.supervised_contrastive_within(rows, torch.arange(n_rows), 0.07)
    value.backward()
    assert value.item() == 0 and rows.grad.isfinite().all()


@pytest.mark.parametrize(("scale", "degrees"), [(30.0, 28.6), (64.0, 0.0), (20.0, 80.0)])
def test_arcface_is_that_of_pytorch_metric_learning(batch, scale, degrees):
    rows, other, _ = batch
    directions = other[:4].clone()
    labels = torch.arange(10) % 4
    rows[0] = -directions[0]  # half a turn away: beyond the margin
    library = ArcFaceLoss(4, 6, margin=degrees, scale=scale)
    library.W = torch.nn.Parameter(directions.T.clone())
    logits = loss.arcface_logits(rows, directions, labels, scale, math.radians(degrees))
    assert F.cross_entropy(logits, labels).item() == pytest.approx(
        library(rows, labels).item(), rel=1e-5
    )


def test_arcface_of_one_row_is_worked_by_hand():
    # 60 degrees from its own direction, 30 from the other; a margin of 30 makes 60 to 90.
    logits = loss.arcface_logits(
        2 * unit(60), 5 * unit(0, 90), torch.tensor([0]), 10.0, math.pi / 6
    )
    assert logits.tolist()[0] == pytest.approx([0.0, 10 * math.cos(math.pi / 6)], abs=1e-9)


def test_centre_loss_is_half_the_squared_distance_and_moves_both(batch):
    rows, centres, _ = batch
    labels = torch.arange(10) % 3
    centres = centres[:3].clone().requires_grad_()
    total = sum(
        (float(a) - float(b)) ** 2
        for row, label in zip(rows, labels, strict=True)
        for a, b in zip(row, centres.detach()[label], strict=True)
    )
    value = loss.centre(rows, centres, labels)
    assert value.item() == pytest.approx(total / 2 / 10, rel=1e-12)
    value.backward()
    own = rows[labels == 1]
    expected = (centres[1].detach() - own).sum(0) / 10
    assert torch.allclose(centres.grad[1], expected)


def test_the_tool_boxes_gradients_are_those_of_finite_differences(batch):
    rows, centres, labels = (t.clone() for t in batch)
    rows.requires_grad_(), centres.requires_grad_()
    numbers = torch.arange(10) % 5
    assert torch.autograd.gradcheck(
        lambda x: loss.supervised_contrastive_within(x, labels, 0.5), rows
    )
    assert torch.autograd.gradcheck(
        lambda x, w: loss.arcface_logits(x, w, numbers, 8.0, 0.4), (rows, centres)
    )
    assert torch.autograd.gradcheck(lambda x, c: loss.centre(x, c, numbers), (rows, centres))


def test_the_tool_box_stays_exact_under_autocast(batch):
    rows, other, labels = (t.float() if t.is_floating_point() else t for t in batch)
    numbers = torch.arange(10) % 5
    calls = [
        lambda: loss.supervised_contrastive_within(rows, labels, 0.1),
        lambda: loss.arcface_logits(rows, other, numbers, 30.0, 0.5),
        lambda: loss.centre(rows, other, numbers),
    ]
    for call in calls:
        plain = call()
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(call(), plain)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x, y: loss.supervised_contrastive_within(x, y[:2], 1.0), "do not fit"),
        (lambda x, y: loss.supervised_contrastive_within(x, y, 0.0), "temperature=0.0 must be"),
        (lambda x, y: loss.arcface_logits(x, x[:, :2], y, 30.0, 0.5), "directions .* do not fit"),
        (lambda x, y: loss.arcface_logits(x, x, y, 0.0, 0.5), "scale=0.0, margin=0.5: use"),
        (lambda x, y: loss.arcface_logits(x, x, y, 30.0, 1.6), "margin=1.6: use"),
        (lambda x, y: loss.centre(x, x[:, :2], y), "centres .* do not fit"),
    ],
)
def test_the_tool_box_refuses_what_does_not_fit(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call(torch.randn(3, 4), torch.arange(3))
