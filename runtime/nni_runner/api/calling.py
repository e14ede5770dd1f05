"""Methods that NNI has on the class, and that objects have too."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

S = TypeVar("S")
R = TypeVar("R")
P = ParamSpec("P")


class on_the_class_too(Generic[S, P, R]):  # noqa: N801 - a decorator
    """Called on the class the method is called on a new object, which it returns."""

    def __init__(self, method: Callable[Concatenate[S, P], R]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    def __get__(self, instance: S | None, owner: type[S]) -> Callable[P, Any]:
        @wraps(self._method)
        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            if instance is not None:
                return self._method(instance, *args, **kwargs)
            made = owner()
            self._method(made, *args, **kwargs)
            return made

        return call
