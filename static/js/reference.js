// Swagger UI on the document that this server serves. Requests of "Try it out" go to this server, with the key given.
const root = document.getElementById("reference");

window.SwaggerUIBundle({
  url: root.dataset.document,
  domNode: root,
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
  validatorUrl: null,
  persistAuthorization: false,
});
