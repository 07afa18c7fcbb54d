"""The papers' losses as pure functions, with their equation numbers.

Nothing here holds weights, sums losses or knows a method: train sums them as the recipe says.
"""

import math
from numbers import Real

import torch
import torch.nn.functional as F
from torch import Tensor

from handid import given


def label_smoothed_cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy against labels with a small share spread over all identities.

    (1 - smoothing) * -log p_label + smoothing / K * sum over k of -log p_k, which is what torch's
    own `label_smoothing` computes (proved in test_loss.py). Source: CLIP-HandID, Eqs. (1)-(2).

    Args:
        logits: [B, K] scores of K identities, any range.
        labels: [B] whole numbers from 0 to K - 1, int64; their values are not looked at.
        smoothing: share that is spread, in [0, 1); the paper's is 0.1.

    Returns:
        Scalar: mean over B rows, in nats, at least 0.

    Raises:
        ValueError: if shapes do not fit, the batch is empty or smoothing is out of range.
    """
    if logits.ndim != 2 or len(logits) == 0 or labels.shape != logits.shape[:1]:
        raise ValueError(
            f"logits {tuple(logits.shape)} and labels {tuple(labels.shape)} do not fit: "
            "expected (B, K) and (B,), B at least 1"
        )
    if not 0 <= smoothing < 1:
        raise ValueError(f"smoothing={smoothing} is out of range: use a share in [0, 1)")
    return F.cross_entropy(_at_least_float32(logits), labels, label_smoothing=smoothing)


def supervised_contrastive(
    anchors: Tensor,
    contrasts: Tensor,
    labels: Tensor,
    temperature: float | Tensor,
    similarity: str = "cosine",
) -> Tensor:
    """Supervised contrastive loss from one modality to the other.

    Mean over anchors i of -1 / |P(i)| times the sum over p in P(i) of the log-softmax, over all
    contrasts, of similarity / temperature. P(i) holds every contrast with i's label, i's own
    counterpart included. Source: CLIP-HandID, Eq. (6) from images to texts, Eq. (7) back. The
    authors' public code takes raw dot products at temperature 1 instead: similarity="dot".

    Args:
        anchors: [B, D] embeddings, any length.
        contrasts: [B, D] embeddings of the other modality, row for row of the same images.
        labels: [B] whole numbers; equal means same identity, for anchors and contrasts alike.
        temperature: divides the similarity, > 0; has no unit. A tensor is not looked at.
        similarity: "cosine", or "dot" for products of the embeddings as they come.

    Returns:
        Scalar, float32 or better also under autocast: mean over B anchors, in nats, at least 0.

    Raises:
        ValueError: if shapes do not fit, or temperature or similarity cannot be used.
    """
    if not (isinstance(anchors, Tensor) and isinstance(contrasts, Tensor)):
        raise ValueError("anchors and contrasts must be tensors: expected (B, D) twice")
    if anchors.ndim != 2 or len(anchors) == 0 or anchors.shape != contrasts.shape:
        raise ValueError(
            f"anchors {tuple(anchors.shape)} and contrasts {tuple(contrasts.shape)} do not fit: "
            "expected (B, D) twice, B at least 1"
        )
    if not isinstance(labels, Tensor):
        labels = torch.as_tensor(given.numbers(labels, "labels"), device=anchors.device)
    if labels.shape != anchors.shape[:1]:
        raise ValueError(f"{tuple(labels.shape)} labels for {len(anchors)} rows: give one per row")
    if not (isinstance(temperature, Tensor) or isinstance(temperature, Real) and temperature > 0):
        raise ValueError(f"temperature={temperature} must be above 0")
    if similarity not in ("cosine", "dot"):
        raise ValueError(f"similarity={similarity!r} is unknown: use cosine or dot")
    # Half precision would lose the small differences that a low temperature magnifies.
    with torch.autocast(anchors.device.type, enabled=False):
        anchors, contrasts = _at_least_float32(anchors), _at_least_float32(contrasts)
        if similarity == "cosine":
            anchors, contrasts = F.normalize(anchors, dim=1), F.normalize(contrasts, dim=1)
        log_shares = F.log_softmax(anchors @ contrasts.T / temperature, dim=1)  # [B, B]
        positives = labels[:, None] == labels[None, :]  # [B, B], diagonal True
        return -(log_shares.masked_fill(~positives, 0).sum(1) / positives.sum(1)).mean()


def likeness(features: Tensor, wanted: Tensor) -> Tensor:
    """How far the similarities within a batch are from those of a teacher's features.

    Mean squared difference between the two cosine similarities of each pair of different rows; the
    teacher's features are first centred and scaled over the batch. Source: Tung and Mori 2019,
    Similarity-Preserving Knowledge Distillation, without pairs of a row with itself.

    Args:
        features: [B, D] of the network that learns, any length.
        wanted: [B, E] of the teacher.

    Returns:
        Scalar, from 0 to 4.

    Raises:
        ValueError: if the shapes do not fit or there is no pair.
    """
    if features.ndim != 2 or wanted.ndim != 2 or len(features) != len(wanted) or len(features) < 2:
        raise ValueError(
            f"features {tuple(features.shape)} and wanted {tuple(wanted.shape)} do not fit: "
            "expected (B, D) and (B, E), B at least 2"
        )
    with torch.autocast(features.device.type, enabled=False):
        wanted = _at_least_float32(wanted)
        wanted = (wanted - wanted.mean(0)) / wanted.std(0).clamp(min=1e-6)
        ours, theirs = (F.normalize(_at_least_float32(x), dim=1) for x in (features, wanted))
        # All but the diagonals, row by row; the size of a mask would have to be waited for.
        squares = [(x @ x.T).flatten()[1:].view(len(x) - 1, -1) for x in (ours, theirs)]
        return F.mse_loss(squares[0][:, :-1].flatten(), squares[1][:, :-1].flatten())


def batch_hard_triplet(embeddings: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Triplet loss of each row with its farthest positive and its nearest negative in the batch.

    Mean over rows of max(0, margin + d_positive - d_negative), d the Euclidean distance of the
    embeddings as they come. A row without a negative counts as 0. Source: Hermans et al. 2017,
    eq. 5; margin and unnormalised distance as in ABD-Net's and RGA-Net's public codes.

    Args:
        embeddings: [B, D], any length.
        labels: [B] whole numbers; equal means same identity.
        margin: in the unit of the embeddings, at least 0.

    Returns:
        Scalar: mean over B rows, at least 0.

    Raises:
        ValueError: if shapes do not fit, the batch is empty or the margin is negative.
    """
    _check_rows(embeddings, labels)
    if not margin >= 0:
        raise ValueError(f"margin={margin} must be at least 0")
    with torch.autocast(embeddings.device.type, enabled=False):
        x = _at_least_float32(embeddings)
        squared = (x[:, None] - x[None, :]).square().sum(2)  # [B, B]
        distances = squared.clamp(min=1e-12).sqrt()  # a root has no gradient at 0
        same = labels[:, None] == labels[None, :]
        farthest = distances.masked_fill(~same, 0).amax(1)
        nearest = distances.masked_fill(same, torch.inf).amin(1)
        return F.relu(margin + farthest - nearest).mean()


def supervised_contrastive_within(embeddings: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Supervised contrastive loss among embeddings of one modality.

    As `supervised_contrastive` with cosine, but a row is neither its own positive nor in its own
    denominator. Source: Khosla et al. 2020, eq. 2.

    Args:
        embeddings: [B, D], any length.
        labels: [B] whole numbers; equal means same identity.
        temperature: divides the cosine, > 0; has no unit.

    Returns:
        Scalar: mean over the rows that have a positive, in nats; 0 where none has.

    Raises:
        ValueError: if shapes do not fit, the batch is empty or temperature is not positive.
    """
    _check_rows(embeddings, labels)
    if not temperature > 0:
        raise ValueError(f"temperature={temperature} must be above 0")
    with torch.autocast(embeddings.device.type, enabled=False):
        x = F.normalize(_at_least_float32(embeddings), dim=1)
        itself = torch.eye(len(x), dtype=torch.bool, device=x.device)
        # Not -inf: a batch of one row would have no denominator at all.
        scores = (x @ x.T / temperature).masked_fill(itself, torch.finfo(x.dtype).min)
        positives = (labels[:, None] == labels[None, :]) & ~itself  # [B, B]
        counts = positives.sum(dim=1)
        log_shares = F.log_softmax(scores, dim=1).masked_fill(~positives, 0)
        per_anchor = log_shares.sum(dim=1) / counts.clamp(min=1)
        return -per_anchor.sum() / (counts > 0).sum().clamp(min=1)


def arcface_logits(
    embeddings: Tensor, directions: Tensor, labels: Tensor, scale: float, margin: float
) -> Tensor:
    """Scaled cosines to each identity's direction, with a margin on the angle to the label's own.

    scale * cos(angle + margin) for the label, scale * cos(angle) for the others. Where angle +
    margin would exceed pi, the cosine less margin * sin(margin), so that a larger angle never
    scores better. Source: Deng et al. 2019 (ArcFace), eq. 3; public code deepinsight/insightface.

    Args:
        embeddings: [B, D], any length but 0.
        directions: [K, D], one per identity, any length but 0.
        labels: [B] whole numbers from 0 to K - 1, int64; their values are not looked at.
        scale: > 0; has no unit.
        margin: in radians, from 0 to below pi / 2; 0 gives plain scaled cosines.

    Returns:
        [B, K] logits for a cross-entropy, from -scale * (1 + margin * sin(margin)) to scale.

    Raises:
        ValueError: if shapes do not fit, the batch is empty, scale or margin is out of range.
    """
    _check_rows(embeddings, labels)
    if directions.ndim != 2 or directions.shape[1] != embeddings.shape[1]:
        raise ValueError(
            f"directions {tuple(directions.shape)} do not fit embeddings "
            f"{tuple(embeddings.shape)}: expected (K, D) and (B, D)"
        )
    if not scale > 0 or not 0 <= margin < math.pi / 2:
        raise ValueError(f"scale={scale}, margin={margin}: use above 0, and from 0 to below pi / 2")
    with torch.autocast(embeddings.device.type, enabled=False):
        x, w = _at_least_float32(embeddings), _at_least_float32(directions)
        cosine = F.normalize(x, dim=1) @ F.normalize(w, dim=1).T  # [B, K]
        sine = (1 - cosine.square()).clamp(min=1e-12).sqrt()  # a root has no gradient at 0
        widened = cosine * math.cos(margin) - sine * math.sin(margin)
        beyond = cosine < -math.cos(margin)
        widened = torch.where(beyond, cosine - margin * math.sin(margin), widened)
        own = F.one_hot(labels, len(directions)).bool()
        return scale * torch.where(own, widened, cosine)


def centre(embeddings: Tensor, centres: Tensor, labels: Tensor) -> Tensor:
    """Half the squared distance of each row to its identity's centre.

    Source: Wen et al. 2016 (centre loss), eq. 2, divided by the number of rows as in CLIP-FH.

    Args:
        embeddings: [B, D], any length.
        centres: [K, D], in the unit of the embeddings.
        labels: [B] whole numbers from 0 to K - 1; their values are not looked at.

    Returns:
        Scalar: mean over B rows, at least 0.

    Raises:
        ValueError: if shapes do not fit or the batch is empty.
    """
    _check_rows(embeddings, labels)
    if centres.ndim != 2 or centres.shape[1] != embeddings.shape[1]:
        raise ValueError(
            f"centres {tuple(centres.shape)} do not fit embeddings {tuple(embeddings.shape)}: "
            "expected (K, D) and (B, D)"
        )
    with torch.autocast(embeddings.device.type, enabled=False):
        gaps = _at_least_float32(embeddings) - _at_least_float32(centres)[labels]  # [B, D]
        return gaps.square().sum(dim=1).mean() / 2


def spectral_gap(matrices: Tensor, steps: int = 1) -> Tensor:
    """How far the rows of matrices are from orthogonal: largest less smallest eigenvalue of A A'.

    Both are Rayleigh quotients after a few power iterations from a random vector, of A A' and of
    A A' - largest * I; more steps come nearer to the eigenvalues. 0 for orthogonal rows of equal
    length. Source: ABD-Net (Chen et al. 2019), orthogonality of features (one row per channel) and
    weights (one row per filter); one step, with a gradient through it, as in its public code.

    Args:
        matrices: [..., R, M], R rows of length M.
        steps: power iterations, at least 1.

    Returns:
        [...] gaps, in the unit of the matrices squared; differentiable.
    """
    with torch.autocast(matrices.device.type, enabled=False):
        rows = _at_least_float32(matrices)
        largest = _rayleigh(rows, rows.new_zeros(rows.shape[:-2]), steps)
        return -_rayleigh(rows, largest, steps)


def _rayleigh(rows: Tensor, shift: Tensor, steps: int) -> Tensor:
    """[...] dominant eigenvalues of A A' - shift * I, without forming the [R, R] matrix."""

    def times(vector: Tensor) -> Tensor:
        return rows @ (rows.mT @ vector) - shift[..., None, None] * vector

    vector = torch.randn(*rows.shape[:-1], 1, device=rows.device, dtype=rows.dtype)
    for _ in range(steps):
        vector = F.normalize(times(vector), dim=-2)
    return (vector * times(vector)).sum((-2, -1))


def _check_rows(embeddings: Tensor, labels: Tensor) -> None:
    if embeddings.ndim != 2 or len(embeddings) == 0 or labels.shape != embeddings.shape[:1]:
        raise ValueError(
            f"embeddings {tuple(embeddings.shape)} and labels {tuple(labels.shape)} do not fit: "
            "expected (B, D) and (B,), B at least 1"
        )


def _at_least_float32(embeddings: Tensor) -> Tensor:
    """Half precision as float32; float32 and float64 as they are."""
    return embeddings.float() if embeddings.dtype in (torch.float16, torch.bfloat16) else embeddings
