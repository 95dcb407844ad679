// Starts Swagger UI on our own description. Requests that change something carry the session's form token.
"use strict";

window.addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("swagger");
  window.SwaggerUIBundle({
    url: "/openapi.json",
    domNode: place,
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: -1,
    // The validator badge would be fetched from another host.
    validatorUrl: null,
    requestInterceptor: (request) => {
      if (place.dataset.formToken) {
        request.headers["X-Form-Token"] = place.dataset.formToken;
      }
      return request;
    },
  });
});
