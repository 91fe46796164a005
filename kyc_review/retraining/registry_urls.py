from django.urls import path

from kyc_review.retraining import model_views

app_name = "registry"
urlpatterns = [
    path("", model_views.models, name="models"),
    path("<slug:digest>/", model_views.model, name="model"),
    path("<slug:digest>/record/", model_views.record, name="record"),
    path("<slug:digest>/notes/", model_views.notes, name="notes"),
    path("<slug:digest>/files/<str:name>/", model_views.file, name="file"),
]
