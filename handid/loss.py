"""The papers' losses as pure functions, with their equation numbers.

Nothing here holds weights, adds losses up or knows a method: train.py adds, by the recipe's
weights.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def label_smoothed_cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy against labels of which a small share is spread over all identities.

    (1 - smoothing) * -log p_label + smoothing / K * sum over k of -log p_k, which is what torch's
    own `label_smoothing` computes (proved in test_loss.py). Source: CLIP-HandID, Eqs. (1)-(2).

    Args:
        logits: [B, K] scores of K identities, any range.
        labels: [B] whole numbers from 0 to K - 1.
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
    temperature: float,
    similarity: str = "cosine",
) -> Tensor:
    """Supervised contrastive loss from one modality to the other.

    Mean over anchors i of -1 / |P(i)| times the sum over p in P(i) of the log-softmax, over all
    contrasts, of similarity / temperature. P(i) holds every contrast with i's label, i's own
    counterpart included. Source: CLIP-HandID, Eq. (6) with images as anchors and texts as
    contrasts, Eq. (7) the other way round. The authors' public code takes raw dot products at
    temperature 1 instead: similarity="dot".

    Args:
        anchors: [B, D] embeddings, any length.
        contrasts: [B, D] embeddings of the other modality, row for row of the same images.
        labels: [B] whole numbers; equal means same identity, for anchors and contrasts alike.
        temperature: divides the similarity, > 0; has no unit.
        similarity: "cosine", or "dot" for products of the embeddings as they come.

    Returns:
        Scalar, float32 or better also under autocast: mean over B anchors, in nats, at least 0.

    Raises:
        ValueError: if shapes do not fit, the batch is empty, temperature is not positive or
            similarity is unknown.
    """
    if anchors.ndim != 2 or len(anchors) == 0 or anchors.shape != contrasts.shape:
        raise ValueError(
            f"anchors {tuple(anchors.shape)} and contrasts {tuple(contrasts.shape)} do not fit: "
            "expected (B, D) twice, B at least 1"
        )
    labels = torch.as_tensor(labels, device=anchors.device)
    if labels.shape != anchors.shape[:1]:
        raise ValueError(f"{tuple(labels.shape)} labels for {len(anchors)} rows: give one a row")
    if not temperature > 0:
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
        per_anchor = log_shares.masked_fill(~positives, 0).sum(dim=1) / positives.sum(dim=1)
        return -per_anchor.mean()


def _at_least_float32(embeddings):
    """Half precision widened; float32 and float64 as they are."""
    return embeddings.float() if embeddings.dtype in (torch.float16, torch.bfloat16) else embeddings
