"""The ways to make a child that a search chooses among, and what is expected of each beforehand (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from operators.chat import Model, ReplyForm

_SECOND = 0.3  # weight of a reply form beside the one that suits a model of its size


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to make a child: an operator, the model it asks, and its form of reply; empty where none is."""

    operator: str
    model: str = ""
    form: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.operator, self.model, self.form) if part)


def forms_of(model: Model, free: bool) -> tuple[Model, ...]:
    """Return a model once for each form in which it may be asked to answer, the most promising first.

    Strong models do better with diffs, weak ones with whole files; which one this is, the search finds out.
    Small ones write no code that runs: they choose from a list.

    Args:
        model: in its usual form.
        free: whether another form may be tried beside it.
    """
    others = (ReplyForm.WHOLE,) if free and not model.small and model.form is not ReplyForm.WHOLE else ()
    return (model, *(replace(model, form=form, weight=_SECOND * model.weight) for form in others))


def arms_of(
    prompted: Mapping[str, frozenset[ReplyForm]], plain: Mapping[str, float], models: Sequence[Model]
) -> dict[Arm, float]:
    """Return all arms with their prior weights, relative to the heaviest model's.

    Args:
        prompted: operators that ask a model, each with the reply forms it can use.
        plain: operators that ask none, each with its weight.
        models: the models that may be asked, each form of reply a model of its own.
    """
    heaviest = max((model.weight for model in models), default=1.0)
    asking = {
        Arm(operator, model.name, model.form.value): model.weight / heaviest
        for operator, forms in prompted.items()
        for model in models
        if model.form in forms
    }
    return asking | {Arm(operator): weight for operator, weight in plain.items()}


def offered(arms: Iterable[Arm], arity: Mapping[str, int], scored: int) -> tuple[Arm, ...]:
    """Return the arms that ``scored`` different parents suffice for."""
    return tuple(arm for arm in arms if arity[arm.operator] <= scored)
