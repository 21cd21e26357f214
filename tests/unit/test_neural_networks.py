"""The networks and losses that the neural generators share, against torch's own derivatives and against loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn import functional

from unseen.methods.neural.adversary import solve_classifier
from unseen.methods.neural.contrast import Comparison, contrast
from unseen.methods.neural.networks import Critic, kl_divergence, perceptron, reparameterize, squared_error


def normal(*shape: int, seed: int = 0) -> Any:
    return torch.tensor(np.random.default_rng(seed).normal(size=shape))


def new_critic(d: int = 5, k: int = 3, hidden: int = 7, seed: int = 0) -> Critic:
    torch.manual_seed(seed)
    critic: Critic = Critic(d, k, hidden).double()
    return critic


# -- the critic -----------------------------------------------------------------------------------------------


def test_critic_is_one_layer_over_both_inputs() -> None:
    critic, x, a = new_critic(), normal(6, 5), normal(6, 3, seed=1)
    plain = nn.Sequential(nn.Linear(8, 7), nn.LeakyReLU(0.2), nn.Linear(7, 1)).double()
    with torch.no_grad():
        plain[0].weight.copy_(torch.cat([critic.inputs.weight, critic.conditions.weight], dim=1))
        plain[0].bias.copy_(critic.inputs.bias)
    plain[2].load_state_dict(critic.output.state_dict())
    torch.testing.assert_close(critic(x, a), plain(torch.cat([x, a], dim=1))[:, 0], rtol=0, atol=1e-14)


def test_critic_starts_as_one_layer_over_both_inputs_would() -> None:
    critic = Critic(30, 6, 2000)
    for weights in (critic.inputs.weight, critic.inputs.bias, critic.conditions.weight):
        assert weights.abs().max() <= 1 / 6 + 1e-7
        assert weights.abs().max() >= 0.99 / 6
        assert abs(weights.mean().item()) <= 0.01


def test_critic_by_hand() -> None:
    # Two hidden units: x + a + 1 and -x; outputs 3 and -2 of them, 0.5 beside.
    critic = new_critic(1, 1, 2)
    with torch.no_grad():
        critic.inputs.weight.copy_(torch.tensor([[1.0], [-1.0]]))
        critic.inputs.bias.copy_(torch.tensor([1.0, 0.0]))
        critic.conditions.weight.copy_(torch.tensor([[1.0], [0.0]]))
        critic.output.weight.copy_(torch.tensor([[3.0, -2.0]]))
        critic.output.bias.fill_(0.5)
    real, made, a = torch.tensor([[2.0]]).double(), torch.tensor([[-4.0]]).double(), torch.tensor([[1.0]]).double()
    # Real: 3 * 4 - 2 * 0.2 * -2 + 0.5 = 13.3; made: 3 * 0.2 * -2 - 2 * 4 + 0.5 = -8.7.
    assert critic(real, a).item() == pytest.approx(13.3)
    assert critic(made, a).item() == pytest.approx(-8.7)
    # Half of each is -1: the units see 1 and 1, both on the steep side, so the slope is 3 + 2 and (5 - 1)² = 16.
    distance, penalty = critic.learn(real, made, a, torch.tensor([[0.5]]).double(), 10.0)
    assert distance.item() == pytest.approx(-22)
    assert penalty.item() == pytest.approx(16)
    # All of the real one is 2: the second unit is on the flat side, 3 + 0.2 * 2 = 3.4.
    assert critic.learn(real, made, a, torch.tensor([[1.0]]).double(), 10.0)[1].item() == pytest.approx(2.4**2)


@pytest.mark.parametrize("weight", [0.0, 10.0])
@pytest.mark.parametrize("seed", range(5))
def test_the_critic_learns_what_differentiating_twice_says(seed: int, weight: float) -> None:
    critic = new_critic(seed=seed)
    real, made, a = normal(9, 5, seed=seed), normal(9, 5, seed=seed + 10), normal(9, 3, seed=seed + 20)
    shares = torch.tensor(np.random.default_rng(seed).random((9, 1)))

    mixed = (shares * real + (1 - shares) * made).requires_grad_()
    (slope,) = torch.autograd.grad(critic(mixed, a).sum(), mixed, create_graph=True)
    expected = ((slope.norm(dim=1) - 1) ** 2).mean()
    expected_distance = critic(made, a).mean() - critic(real, a).mean()
    theirs = torch.autograd.grad(expected_distance + weight * expected, list(critic.parameters()))
    alone = torch.autograd.grad(critic(made, a).mean() - critic(real, a).mean(), list(critic.parameters()))

    distance, penalty = critic.learn(real, made, a, shares, weight)
    torch.testing.assert_close(distance, expected_distance, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(penalty, expected, rtol=1e-12, atol=1e-12)
    for parameter, wanted in zip(critic.parameters(), theirs, strict=True):
        torch.testing.assert_close(parameter.grad, wanted, rtol=1e-12, atol=1e-12)
    if weight:  # the penalty reaches the layer of the output, and that of the vectors
        for parameter, without in ((critic.inputs.weight, alone[0]), (critic.output.weight, alone[3])):
            assert (parameter.grad - without).abs().max() > 1e-3


def test_a_critic_without_slope_has_a_gradient() -> None:
    critic = new_critic()
    with torch.no_grad():
        critic.output.weight.zero_()
    x, a = normal(4, 5), normal(4, 3)
    critic.learn(x, -x, a, torch.full((4, 1), 0.5).double(), 10.0)
    assert all(torch.isfinite(parameter.grad).all() for parameter in critic.parameters())


# -- Gaussians and errors -------------------------------------------------------------------------------------


def test_divergence_is_that_of_torch() -> None:
    mean, log_variance = normal(6, 4), normal(6, 4, seed=1)
    found = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (0.5 * log_variance).exp()),
        torch.distributions.Normal(torch.zeros(6, 4).double(), torch.ones(6, 4).double()),
    )
    torch.testing.assert_close(kl_divergence(mean, log_variance), found.sum(dim=1).mean(), rtol=1e-12, atol=0)


def test_divergence_by_hand() -> None:
    mean, variance = torch.tensor([[3.0]]), torch.tensor([[4.0]])
    assert kl_divergence(mean, variance.log()).item() == pytest.approx((9 + 4 - 1 - math.log(4)) / 2, rel=1e-6)
    assert kl_divergence(torch.zeros(2, 3), torch.zeros(2, 3)).item() == 0


def test_draws_are_those_of_torch() -> None:
    mean, log_variance, noise = normal(2, 3), normal(2, 3, seed=1), normal(2, 3, seed=2)
    normal_ = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    drawn = reparameterize(mean, log_variance, noise)
    # Half of a normal's draws are below its mean, and so on: the noise is where in the Gaussian a draw lies.
    standard = torch.distributions.Normal(torch.tensor(0.0).double(), torch.tensor(1.0).double())
    torch.testing.assert_close(normal_.cdf(drawn), standard.cdf(noise), rtol=1e-10, atol=1e-12)


def test_draws_are_differentiable_by_mean_and_variance() -> None:
    mean, log_variance, noise = (
        normal(2, 3).requires_grad_(),
        normal(2, 3, seed=1).requires_grad_(),
        normal(2, 3, seed=2),
    )
    by_mean, by_variance = torch.autograd.grad(reparameterize(mean, log_variance, noise).sum(), [mean, log_variance])
    torch.testing.assert_close(by_mean, torch.ones(2, 3).double())
    torch.testing.assert_close(by_variance, noise * (log_variance / 2).exp() / 2)


def test_squared_error_by_hand() -> None:
    found, wanted = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[4.0, 6.0], [0.0, 1.0]])
    assert squared_error(found, wanted).item() == (25 / 2 + 1 / 2) / 2
    gaussian = torch.distributions.Normal(wanted, 1.0)
    likelihood = gaussian.log_prob(found).sum(dim=1).mean() + math.log(2 * math.pi)
    torch.testing.assert_close(squared_error(found, wanted), -likelihood)


def test_perceptron() -> None:
    network = perceptron(3, 5, 2, slope=0.1)
    x = torch.randn(4, 3)
    hidden = x @ network[0].weight.T + network[0].bias
    expected = torch.where(hidden > 0, hidden, 0.1 * hidden) @ network[2].weight.T + network[2].bias
    torch.testing.assert_close(network(x), expected)
    assert perceptron(3, 5, 2)[1].negative_slope == 0.2


# -- contrasts ------------------------------------------------------------------------------------------------


def by_loop(z: Any, y: Any, temperature: float) -> float:
    """Return the contrast as its definition reads: sums over samples, one after the other."""
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    terms = []
    for i in range(len(z)):
        others = [j for j in range(len(z)) if j != i]
        all_ = sum(math.exp(z[i] @ z[j] / temperature) for j in others)
        own = sum(math.exp(z[i] @ z[j] / temperature) for j in others if y[j] == y[i])
        if own:
            terms.append(-math.log(own / all_))
    return sum(terms) / len(terms) if terms else 0.0


@pytest.mark.parametrize("temperature", [0.1, 0.7, 3.0])
def test_contrast_is_its_definition(temperature: float) -> None:
    z, y = normal(9, 4), torch.tensor([0, 0, 0, 1, 1, 2, 3, 3, 4])  # 2 and 4 are alone
    assert contrast(z, y, temperature=temperature).item() == pytest.approx(by_loop(z.numpy(), y.numpy(), temperature))


def test_contrast_of_pairs_is_a_cross_entropy() -> None:
    # With two samples of each class, every sample picks its partner among all others: a softmax classification.
    z, y, tau = normal(8, 4), torch.tensor([0, 0, 1, 1, 2, 2, 3, 3]), 0.3
    unit = functional.normalize(z, dim=1)
    logits = (unit @ unit.T / tau)[~torch.eye(8, dtype=torch.bool)].reshape(8, 7)
    partner = torch.tensor([0, 0, 2, 2, 4, 4, 6, 6])  # place of the partner once the sample itself is left out
    torch.testing.assert_close(contrast(z, y, temperature=tau), functional.cross_entropy(logits, partner))


def test_contrast_by_hand() -> None:
    # Two at 0 degrees of one class, one at 90 of another: e / (e + 1) for both; the third has no other of its class.
    z, y = torch.tensor([[2.0, 0.0], [5.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0, 1])
    assert contrast(z, y, temperature=1.0).item() == pytest.approx(math.log(1 + math.exp(-1)))


@pytest.mark.parametrize("y", [[0, 1, 2, 3], [0]])
def test_contrast_without_a_second_sample_of_a_class(y: list[int]) -> None:
    z = normal(len(y), 3).requires_grad_()
    value = contrast(z, torch.tensor(y), temperature=0.1)
    assert value.item() == 0
    value.backward()
    assert torch.isfinite(z.grad).all()


def test_contrast_has_finite_slopes_where_some_are_alone() -> None:
    z = normal(5, 3).requires_grad_()
    contrast(z, torch.tensor([0, 0, 1, 2, 2]), temperature=0.1).backward()
    assert torch.isfinite(z.grad).all()
    assert z.grad.abs().max() > 0


def test_comparison_is_a_loop_over_pairs() -> None:
    torch.manual_seed(0)
    comparison, h, A = Comparison(4, 3, 6).double(), normal(5, 4), normal(7, 3, seed=1)
    pair = nn.Linear(7, 6).double()
    with torch.no_grad():
        pair.weight.copy_(torch.cat([comparison.inputs.weight, comparison.conditions.weight], dim=1))
        pair.bias.copy_(comparison.inputs.bias)
    rated = comparison(h, A)
    assert rated.shape == (5, 7)
    for i in range(5):
        for c in range(7):
            expected = comparison.output(torch.relu(pair(torch.cat([h[i], A[c]]))))
            assert rated[i, c].item() == pytest.approx(expected.item(), abs=1e-12)


# -- the classifier of seen classes ---------------------------------------------------------------------------


def test_solved_classifier_is_that_of_scikit_learn() -> None:
    X, y = normal(60, 4).float(), torch.arange(60) % 3
    X += 2 * functional.one_hot(y, 4)
    layer = nn.Linear(4, 3)
    solve_classifier(layer, X, y)
    scale = float((X - X.mean(dim=0)).std(correction=0))
    sklearn = LogisticRegression(C=1.0, max_iter=1000, tol=1e-8).fit(X.numpy() / scale, y.numpy())
    with torch.no_grad():
        found = layer(X).softmax(dim=1).numpy()
    np.testing.assert_allclose(found, sklearn.predict_proba(X.numpy() / scale), atol=2e-4)
    assert not any(parameter.requires_grad for parameter in layer.parameters())


@pytest.mark.parametrize(("X", "y"), [(torch.ones(4, 2), [0, 0, 1, 1]), (torch.randn(4, 2), [0, 0, 0, 0])])
def test_a_classifier_with_nothing_to_tell_apart(X: Any, y: list[int]) -> None:
    layer = nn.Linear(2, max(y) + 1)
    solve_classifier(layer, X, torch.tensor(y))
    assert all(not parameter.any() for parameter in layer.parameters())
