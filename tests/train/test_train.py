"""The loop: schedule, optimiser, resume bit for bit, selection, refusals."""

import errno
import math
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from torch import nn

from handid import backbone, checkpoint, method, recipes, train
from handid.recipes import Stage
from handid.train import loop


class Toy(method.Method):
    """A linear map with dropout and batch norm: everything that holds state, in a millisecond."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Linear(8, 8)
        self.frozen = nn.Linear(8, 8).requires_grad_(False)
        self.head = nn.Sequential(nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))

    def losses(self, images, labels):
        return {"fit": nn.functional.cross_entropy(self.head(self.backbone(images)), labels)}

    def embed(self, images):
        return self.backbone(images)

    def parameter_groups(self, recipe):
        rates = recipe.learning_rate
        return [
            {"params": [*self.backbone.parameters()], "lr": rates.backbone},
            {"params": [*self.head.parameters()], "lr": rates.new},
        ]


def toy(seed=0):
    torch.manual_seed(seed)
    return Toy()


def stage(**changes):
    plain = {
        "epochs": 4,
        "batch_size": 4,
        "optimiser": "adam",
        "learning_rate": {"backbone": 1e-3, "new": 1e-2},
        "weight_decay": 5e-4,
    }
    return Stage(**(plain | changes))


def plan(*stages, select="last"):
    return SimpleNamespace(stages=[*stages], select=select)


def batches(stage, generator):
    for _ in range(3):
        images = torch.randn(4, 8, generator=generator)
        yield images, (images.sum(1) > 0).long()


EVERY_EPOCH = train.Engine(checkpoint_seconds=0, progress=False)
QUIET = train.Engine(progress=False)


def fit(net, recipe, folder, engine=QUIET, validate=None, source=batches, seed=1):
    return train.fit(net, recipe, source, validate, folder, engine, seed=seed)


# --- schedule -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("epoch", "rate"),
    [(0, 5e-8), (5, 2.525e-6), (10, 5e-6), (39, 5e-6), (40, 2.5e-6), (60, 1.25e-6), (69, 1.25e-6)],
)
def test_the_published_schedule_gives_the_published_rates(epoch, rate):
    published = recipes.load("clip_handid", "vit").stages[0]
    actual = published.learning_rate.backbone * train.rate_factor(published, epoch)
    assert actual == pytest.approx(rate, rel=1e-9)


def test_the_history_shows_the_backbones_rate_of_each_epoch(tmp_path):
    recipe = plan(stage(warmup_epochs=2, warmup_factor=0.1, milestones=[3], decay=0.5))
    history = fit(toy(), recipe, tmp_path)
    assert history["learning_rate"].tolist() == pytest.approx([1e-4, 5.5e-4, 1e-3, 5e-4])


def test_a_cosine_schedule_is_torchs_own(tmp_path):
    recipe = plan(stage(epochs=6, schedule="cosine", warmup_epochs=0))
    history = fit(toy(), recipe, tmp_path)
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=1e-3)
    torchs = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=6)
    expected = []
    for _ in range(6):
        expected.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        torchs.step()
    assert history["learning_rate"].tolist() == pytest.approx(expected)


def test_a_cosine_starts_after_the_warm_up():
    schedule = stage(epochs=10, schedule="cosine", warmup_epochs=2, warmup_factor=0.5)
    factors = [train.rate_factor(schedule, epoch) for epoch in range(10)]
    assert factors[:3] == pytest.approx([0.5, 0.75, 1.0])
    assert factors[6] == pytest.approx(0.5)
    assert 0 < factors[9] < 0.05


def test_one_cycle_is_torchs_own_at_the_middle_of_each_epoch():
    schedule = stage(epochs=10, schedule="one_cycle")
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    torchs = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=1.0, total_steps=10_000)
    rates = []
    for _ in range(10_000):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        torchs.step()
    factors = [train.rate_factor(schedule, epoch) for epoch in range(10)]
    assert factors == pytest.approx(rates[500::1000], rel=2e-2)
    assert max(factors) == factors[3]


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_one_cycle_of_few_epochs_still_trains(epochs):
    schedule = stage(epochs=epochs, schedule="one_cycle")
    assert max(train.rate_factor(schedule, epoch) for epoch in range(epochs)) > 0.5


def test_a_loss_is_warmed_up_alone():
    schedule = stage(loss_weights={"a": 2.0}, loss_warmup={"a": 4, "b": 2})
    weights = [[train.loss_weight(schedule, name, epoch) for epoch in range(5)] for name in "abc"]
    assert weights == [[0.5, 1.0, 1.5, 2.0, 2.0], [0.5, 1, 1, 1, 1], [1, 1, 1, 1, 1]]


def test_the_total_is_the_sum_of_the_warmed_up_losses(tmp_path):
    history = fit(toy(), plan(stage(loss_weights={"fit": 3.0}, loss_warmup={"fit": 3})), tmp_path)
    shares = (history["total"] / history["fit"]).tolist()
    assert shares == pytest.approx([1.0, 2.0, 3.0, 3.0])


# --- one step, against plain torch --------------------------------------------------------------


@pytest.mark.parametrize("limit", [0.0, 1e-3])
def test_gradients_are_clipped_before_the_step_as_torch_does(tmp_path, limit):
    ours, theirs = toy(), toy()
    recipe = plan(stage(epochs=1, optimiser="sgd", clip_gradients=limit, weight_decay=0.0))
    fit(ours, recipe, tmp_path)
    seed = loop._epoch_seed(1, 0, 0)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    theirs.train()
    groups = theirs.parameter_groups(recipe.stages[0])
    optimiser = torch.optim.SGD(groups, momentum=0.9, nesterov=True)
    for images, labels in batches(None, generator):
        optimiser.zero_grad()
        sum(theirs.losses(images, labels).values()).backward()
        if limit:
            torch.nn.utils.clip_grad_norm_(theirs.parameters(), limit)
        optimiser.step()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-7)


def test_an_epoch_is_plain_adam_on_the_weighted_sum(tmp_path):
    ours, theirs = toy(), toy()
    recipe = plan(stage(epochs=1, loss_weights={"fit": 0.5}))
    fit(ours, recipe, tmp_path)
    seed = loop._epoch_seed(1, 0, 0)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    theirs.train()
    optimiser = torch.optim.Adam(theirs.parameter_groups(recipe.stages[0]), weight_decay=5e-4)
    for images, labels in batches(None, generator):
        optimiser.zero_grad()
        (0.5 * theirs.losses(images, labels)["fit"]).backward()
        optimiser.step()
    for name, value in theirs.state_dict().items():
        assert torch.equal(value, ours.state_dict()[name]), name


class Marked(Toy):
    """A toy that says which of its parameters are matrices to be orthogonalised."""

    def parameter_groups(self, recipe):
        rest = [self.backbone.bias, *self.head.parameters()]
        return [
            {"params": rest, "lr": recipe.learning_rate.new},
            {
                "params": [self.backbone.weight],
                "lr": recipe.learning_rate.backbone,
                "matrix": True,
            },
        ]


def marked():
    torch.manual_seed(0)
    return Marked()


def test_muon_moves_the_marked_matrices_and_adamw_the_rest(tmp_path):
    ours, theirs = marked(), marked()
    recipe = plan(stage(epochs=1, optimiser="muon"))
    fit(ours, recipe, tmp_path)
    seed = loop._epoch_seed(1, 0, 0)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    theirs.train()
    rest, matrices = ([*group["params"]] for group in theirs.parameter_groups(recipe.stages[0]))
    decay = {"weight_decay": 5e-4}
    both = (
        torch.optim.Muon(matrices, lr=1e-3, adjust_lr_fn="match_rms_adamw", **decay),
        torch.optim.AdamW(rest, lr=1e-2, **decay),
    )
    for images, labels in batches(None, generator):
        theirs.zero_grad()
        sum(theirs.losses(images, labels).values()).backward()
        for optimiser in both:
            optimiser.step()
    for name, value in theirs.state_dict().items():
        assert torch.equal(value, ours.state_dict()[name]), name


def test_a_resumed_muon_ends_with_the_same_bits(tmp_path):
    recipe = plan(stage(optimiser="muon"))
    straight, broken, resumed = marked(), marked(), marked()
    fit(straight, recipe, tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        fit(broken, recipe, tmp_path / "b", EVERY_EPOCH, source=stopping_after(2))
    fit(resumed, recipe, tmp_path / "b", EVERY_EPOCH)
    assert same(straight, resumed)


class ChannelsLast(Toy):
    """A toy whose weights, and so its optimiser's state, lie in memory channels last."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Conv2d(2, 3, 2).to(memory_format=torch.channels_last)
        self.head = nn.Linear(3, 3)

    def losses(self, images, labels):
        features = self.backbone(images.reshape(-1, 2, 2, 2)).flatten(1)
        return {"fit": nn.functional.cross_entropy(self.head(features), labels)}


def test_weights_that_lie_channels_last_are_stored_and_resumed(tmp_path):
    recipe = plan(stage(optimiser="sgd"))
    nets = []
    for _ in range(3):
        torch.manual_seed(0)
        nets.append(ChannelsLast())
    straight, broken, resumed = nets
    fit(straight, recipe, tmp_path / "a", EVERY_EPOCH)
    with pytest.raises(KeyboardInterrupt):
        fit(broken, recipe, tmp_path / "b", EVERY_EPOCH, source=stopping_after(2))
    fit(resumed, recipe, tmp_path / "b", EVERY_EPOCH)
    assert same(straight, resumed)


def test_what_is_frozen_stays(tmp_path):
    net = toy()
    before = net.frozen.weight.clone()
    fit(net, plan(stage()), tmp_path)
    assert torch.equal(before, net.frozen.weight)


@pytest.mark.parametrize("optimiser", ["adam", "adamw", "sgd", "muon"])
def test_every_optimiser_lowers_the_loss(tmp_path, optimiser):
    rates = {"backbone": 1e-2, "new": 1e-2}
    history = fit(toy(), plan(stage(epochs=25, optimiser=optimiser, learning_rate=rates)), tmp_path)
    assert history["fit"].iloc[-5:].mean() < 0.8 * history["fit"].iloc[0]


# --- resume -------------------------------------------------------------------------------------


class Stopped(Exception):
    pass


def stopping_after(epochs, source=batches):
    """The same batches, until an epoch in which somebody presses Ctrl-C half-way."""
    seen = []

    def stopped(stage, generator):
        seen.append(1)
        for number, batch in enumerate(source(stage, generator)):
            if len(seen) > epochs and number == 1:
                raise KeyboardInterrupt
            yield batch

    return stopped


def same(a, b):
    return all(torch.equal(v, b.state_dict()[k]) for k, v in a.state_dict().items())


@pytest.mark.parametrize("stopped_after", [1, 3, 5])
@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_a_resumed_run_ends_with_the_same_bits(tmp_path, stopped_after, optimiser):
    recipe = plan(
        stage(name="one", optimiser=optimiser, milestones=[2]),
        stage(name="two", optimiser=optimiser, epochs=3),
    )
    straight, broken, resumed = toy(), toy(), toy()
    expected = fit(straight, recipe, tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        fit(broken, recipe, tmp_path / "b", EVERY_EPOCH, source=stopping_after(stopped_after))
    assert (tmp_path / "b" / "checkpoint.safetensors").exists()
    history = fit(resumed, recipe, tmp_path / "b", EVERY_EPOCH)
    assert same(straight, resumed)
    columns = ["stage", "epoch", "learning_rate", "fit", "total"]
    pd.testing.assert_frame_equal(history[columns], expected[columns])


def test_a_resumed_clip_handid_ends_with_the_same_bits(tmp_path):
    def build():
        torch.manual_seed(3)
        return method.build("clip_handid", backbone.build("mini-ViT"), 2)

    def images(stage, generator):
        for _ in range(2):
            yield torch.randn(3, 3, 128, 128, generator=generator), torch.tensor([0, 1, 0])

    recipe = plan(stage(epochs=2), select="last")
    straight, resumed = build(), build()
    fit(straight, recipe, tmp_path / "a", source=images)
    with pytest.raises(KeyboardInterrupt):
        fit(build(), recipe, tmp_path / "b", EVERY_EPOCH, source=stopping_after(1, images))
    fit(resumed, recipe, tmp_path / "b", EVERY_EPOCH, source=images)
    assert same(straight, resumed)


def test_a_run_stopped_in_its_first_epoch_starts_again(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fit(toy(), plan(stage()), tmp_path / "b", EVERY_EPOCH, source=stopping_after(0))
    straight, again = toy(), toy()
    fit(straight, plan(stage()), tmp_path / "a")
    fit(again, plan(stage()), tmp_path / "b", EVERY_EPOCH)
    assert same(straight, again)


def test_a_finished_run_is_loaded_and_not_trained_again(tmp_path):
    first, second = toy(), toy(seed=9)
    expected = fit(first, plan(stage()), tmp_path)
    history = fit(second, plan(stage()), tmp_path, source=lambda *_: pytest.fail("trained again"))
    assert same_trained(first, second)
    assert history["fit"].tolist() == pytest.approx(expected["fit"].tolist())


def same_trained(a, b):
    return all(torch.equal(v, b.state_dict()[k]) for k, v in checkpoint.trained_tensors(a).items())


def test_a_finished_run_leaves_weights_and_history_only(tmp_path):
    fit(toy(), plan(stage()), tmp_path, EVERY_EPOCH)
    left = ["history.csv", "products.json", "weights.safetensors"]
    assert sorted(f.name for f in tmp_path.iterdir()) == left


def test_the_seed_decides_and_nothing_else_does(tmp_path):
    nets = [toy() for _ in range(3)]
    for number, (net, seed) in enumerate(zip(nets, (1, 1, 2), strict=True)):
        torch.manual_seed(number)  # the global state must not matter
        fit(net, plan(stage()), tmp_path / str(number), seed=seed)
    assert same(nets[0], nets[1]) and not same(nets[0], nets[2])


# --- selection ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figures", "chosen"), [([0.1, 0.9, 0.3, 0.2], 1), ([0.5, 0.7, 0.7, 0.6], 2)]
)
def test_the_best_validation_wins_and_ties_go_to_the_later_epoch(tmp_path, figures, chosen):
    states, answers = [], iter(figures)

    def validate(net):
        states.append({k: v.clone() for k, v in net.state_dict().items()})
        return next(answers)

    net = toy()
    history = fit(net, plan(stage(), select="best"), tmp_path, validate=validate)
    assert history["validation"].tolist() == figures
    assert all(torch.equal(v, net.state_dict()[k]) for k, v in states[chosen].items())
    assert not torch.equal(states[3]["backbone.weight"], net.backbone.weight)


def test_last_keeps_the_last_epoch_whatever_validation_says(tmp_path):
    answers, states = iter([0.9, 0.1, 0.1, 0.1]), []

    def validate(net):
        states.append(net.backbone.weight.clone())
        return next(answers)

    net = toy()
    fit(net, plan(stage(), select="last"), tmp_path, validate=validate)
    assert torch.equal(states[-1], net.backbone.weight)


def test_a_best_epoch_before_the_interruption_is_not_forgotten(tmp_path):
    figures, states = [0.9, 0.1, 0.2, 0.3], []

    def validate(net):
        states.append(net.backbone.weight.clone())
        return figures[len(states) - 1]

    recipe = plan(stage(), select="best")
    with pytest.raises(KeyboardInterrupt):
        fit(toy(), recipe, tmp_path, EVERY_EPOCH, validate, stopping_after(2))
    resumed = toy()
    fit(resumed, recipe, tmp_path, EVERY_EPOCH, validate)
    assert torch.equal(states[0], resumed.backbone.weight)


def test_without_validation_the_last_epoch_is_kept(tmp_path):
    history = fit(toy(), plan(stage(), select="best"), tmp_path)
    assert history["validation"].isna().all() and len(history) == 4


# --- engine -------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_trains_and_stays_near_full_precision(tmp_path, precision):
    full, half = toy(), toy()
    a = fit(full, plan(stage()), tmp_path / "a")
    b = fit(half, plan(stage()), tmp_path / "b", train.Engine("cpu", precision, progress=False))
    assert b["fit"].tolist() == pytest.approx(a["fit"].tolist(), abs=0.15)
    assert half.backbone.weight.dtype == torch.float32
    assert not torch.equal(full.backbone.weight, half.backbone.weight)


# --- refusals -----------------------------------------------------------------------------------


def test_weights_that_overflow_in_the_last_step_stop_before_they_are_validated(tmp_path):
    rates = {"backbone": 1e30, "new": 1e38}
    seen = pytest.raises(FloatingPointError, match="is not finite in epoch 0: lower the learning")
    with seen:
        fit(
            toy(),
            plan(stage(learning_rate=rates, optimiser="sgd")),
            tmp_path,
            validate=lambda net: pytest.fail("validated"),
        )


def test_a_loss_that_is_not_finite_stops_with_one_sentence_and_keeps_the_checkpoint(tmp_path):
    def exploding(stage, generator):
        exploding.epochs += 1
        for images, labels in batches(stage, generator):
            yield images * (math.inf if exploding.epochs == 3 else 1), labels

    exploding.epochs = 0
    with pytest.raises(FloatingPointError, match="not finite in epoch 2: lower the learning rate"):
        fit(toy(), plan(stage()), tmp_path, EVERY_EPOCH, source=exploding)
    resumed, straight = toy(), toy()
    fit(resumed, plan(stage()), tmp_path)
    fit(straight, plan(stage()), tmp_path / "a")
    assert same(resumed, straight)


def test_a_weight_for_a_loss_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ValueError, match="weighs 'centre', but the losses are fit"):
        fit(toy(), plan(stage(loss_weights={"centre": 1.0})), tmp_path)


def test_a_damaged_checkpoint_is_named_and_the_training_gives_what_it_would_have_given(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "checkpoint.safetensors").write_bytes(b"")
    nets = toy(), toy()
    with pytest.warns(UserWarning, match="checkpoint.safetensors is damaged. It is set aside"):
        fit(nets[0], plan(stage()), tmp_path / "a")
    fit(nets[1], plan(stage()), tmp_path / "b")
    assert same(*nets)


def test_weights_without_their_history_are_trained_again(tmp_path):
    fit(toy(), plan(stage()), tmp_path)
    (tmp_path / "history.csv").unlink()
    assert len(fit(toy(), plan(stage()), tmp_path)) == 4


def test_a_full_disk_leaves_the_last_checkpoint_and_one_sentence(tmp_path, monkeypatch):
    real, writes = checkpoint.save_file, []

    def full(tensors, path, **how):
        writes.append(1)
        if len(writes) > 4:  # two epochs wrote their best weights and their checkpoint
            raise OSError(errno.ENOSPC, "No space left on device")
        real(tensors, path, **how)

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(OSError, match="is full: free some space and run again"):
        fit(toy(), plan(stage()), tmp_path, EVERY_EPOCH)
    monkeypatch.setattr(checkpoint, "save_file", real)
    resumed, straight = toy(), toy()
    fit(resumed, plan(stage()), tmp_path, EVERY_EPOCH)
    fit(straight, plan(stage()), tmp_path / "a")
    assert same(resumed, straight)


# --- where and how ------------------------------------------------------------------------------


def test_auto_is_fp32_on_the_cpu():
    assert train.precision("auto", "cpu") == "fp32" and train.precision("bf16", "cpu") == "bf16"


@pytest.mark.parametrize(("has_bf16", "chosen"), [(True, "bf16"), (False, "fp32")])
def test_auto_is_bf16_on_a_gpu_that_has_it(monkeypatch, has_bf16, chosen):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16)
    assert train.precision("auto", "cuda") == chosen


def test_bf16_is_refused_on_a_gpu_that_is_too_old_for_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "GTX 1080")
    with pytest.raises(ValueError, match="^GTX 1080 is too old for bf16: use precision auto, fp32"):
        train.precision("bf16", "cuda:0")


def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="Device 'cuda:9' is not there: use 'auto', 'cpu' or"):
        train.device("cuda:9")
