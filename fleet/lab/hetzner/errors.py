"""The refusals of the API, each with the HTTP status that Hetzner documents for its code."""

from typing import Any


class ApiError(Exception):
    """A refusal: `{"error": {"code", "message", "details"}}` with an HTTP status."""

    def __init__(self, status: int, code: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details

    def body(self) -> dict[str, Any]:
        return {"error": {"code": self.code, "message": self.message, "details": self.details}}


def invalid(field: str, *messages: str) -> ApiError:
    """422 for one field of the input."""
    details = {"fields": [{"name": field, "messages": list(messages)}]}
    return ApiError(422, "invalid_input", f"invalid input in field '{field}'", details)


def not_found(what: str, number: object) -> ApiError:
    return ApiError(404, "not_found", f"{what} with ID '{number}' not found")


def taken(what: str, field: str) -> ApiError:
    """409: names, and fingerprints of keys, are unique in a project."""
    message = f"{what} {field} is already used"
    details = {"fields": [{"name": field, "messages": [message]}]}
    return ApiError(409, "uniqueness_error", message, details)


def protected(what: str) -> ApiError:
    return ApiError(423, "protected", f"{what} is protected")


def locked(what: str) -> ApiError:
    return ApiError(423, "locked", f"{what} is locked: an action is running")


def over_quota(limit: str) -> ApiError:
    return ApiError(403, "resource_limit_exceeded", f"{limit} exceeded", {"limits": [{"name": limit}]})


def no_capacity() -> ApiError:
    message = "we are unable to provision servers for this location, try with a different location or try later"
    return ApiError(412, "resource_unavailable", message)
