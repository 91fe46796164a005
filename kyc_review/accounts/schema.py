from drf_spectacular.extensions import OpenApiAuthenticationExtension


class ApiKeyScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document describes the API key."""

    target_class = "kyc_review.accounts.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An integration's API key."}


class PersonalTokenScheme(OpenApiAuthenticationExtension):
    """The token of a member of staff, for the APIs for staff only."""

    target_class = "kyc_review.accounts.tokens.authentication.TokenAuthentication"
    name = "personalToken"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        said = "A personal token, created on the account page. It gives access to the APIs for staff only."
        return {"type": "http", "scheme": "bearer", "description": said}
