from django.urls import include, path

from kyc_review.accounts.break_glass import break_glass
from kyc_review.accounts.key_api import KeyView
from kyc_review.accounts.languages import browser_language
from kyc_review.accounts.login import RecordedLogin, code, passkey_challenge
from kyc_review.accounts.single_sign_on.views import logout
from kyc_review.core.api_reference import document, reference
from kyc_review.core.branding import file as branding_file
from kyc_review.core.problem_types import problem_type, problem_types
from kyc_review.metrics.views import metrics
from kyc_review.ops.health import livez, readyz, readyz_web
from kyc_review.retraining.waiting_views import home

urlpatterns = [
    path("", home, name="home"),
    path("login/", RecordedLogin.as_view(redirect_authenticated_user=True), name="login"),
    path("login/code/", code, name="login_code"),
    path("login/passkey/", passkey_challenge, name="passkey_challenge"),
    path("login/break-glass/<str:token>/", break_glass, name="break_glass"),
    path("login/single-sign-on/", include("kyc_review.accounts.single_sign_on.urls")),
    path("language/", browser_language, name="browser_language"),
    path("logout/", logout, name="logout"),
    path("account/", include("kyc_review.accounts.settings_pages.urls")),
    path("review/", include("kyc_review.workbench.urls")),
    path("review/", include("kyc_review.workbench.evidence.urls")),
    path("retraining/", include("kyc_review.retraining.urls")),
    path("registry/", include("kyc_review.retraining.registry_urls")),
    path("insights/", include("kyc_review.insights.urls")),
    path("records/", include("kyc_review.records.urls")),
    path("integrations/", include("kyc_review.accounts.integrations.urls")),
    path("planted/", include("kyc_review.planting.urls")),
    path("people/", include("kyc_review.accounts.people.urls")),
    path("notices/", include("kyc_review.notices.urls")),
    path("webhooks/", include("kyc_review.webhooks.urls")),
    path("docs/api/", reference, name="reference"),
    path("docs/api/staff/", reference, {"name": "openapi_staff"}, name="reference_staff"),
    path("docs/openapi.yaml", document, name="openapi"),
    path("docs/openapi-staff.yaml", document, {"name": "openapi_staff"}, name="openapi_staff"),
    path("docs/problems/", problem_types, name="problem_types"),
    path("docs/problems/<slug:slug>", problem_type, name="problem_type"),
    path("branding/<slug:kind>/", branding_file, name="branding"),
    path("livez", livez),
    path("readyz", readyz),
    path("readyz/web", readyz_web),
    path("metrics", metrics),
    path("api/v1/me", KeyView.as_view(), name="api-me"),
    path("api/v1/", include("kyc_review.submissions.api.urls")),
    path("api/v1/", include("kyc_review.lifecycle.api.urls")),
    path("api/v1/", include("kyc_review.webhooks.api.urls")),
    path("api/v1/records/", include("kyc_review.records.api.urls")),
    path("api/v1/retraining/", include("kyc_review.retraining.api.urls")),
]
handler400 = "kyc_review.core.problems.bad_request"
handler403 = "kyc_review.core.problems.permission_denied"
handler404 = "kyc_review.core.problems.not_found"
handler500 = "kyc_review.core.problems.server_error"
