// Passkeys: a button makes one, or signs with one in place of typing a code, and sends its form.
import { gettext } from "./texts.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-passkey]");
  if (!button) return;
  const form = button.form;
  const problem = form.querySelector("[data-passkey-problem]");
  problem.hidden = true;
  form.elements.code?.removeAttribute("required");
  if (!form.reportValidity()) return;
  button.disabled = true;
  try {
    const isNew = button.dataset.passkey === "create";
    const credential = isNew ? await make() : await sign(form, button.dataset.challenge);
    form.elements[isNew ? "made" : "passkey"].value = JSON.stringify(credential.toJSON());
    const submits = [...form.querySelectorAll("button:not([type=button])")];
    form.requestSubmit(submits.find((one) => one.classList.contains("primary")) ?? submits[0]);
  } catch (error) {
    problem.textContent = refusal(error, button.dataset.passkey === "create");
    problem.hidden = false;
  } finally {
    button.disabled = false;
  }
});

// What the browser's refusal means; the names are those of Web Authentication, sections 5.1.3 and 5.1.4.
function refusal(error, isNew) {
  if (!window.isSecureContext) return gettext("Browsers use passkeys over HTTPS only, and this page came without it.");
  if (!window.PublicKeyCredential) return gettext("This browser cannot use passkeys. Update it, or use another one.");
  switch (error.name) {
    case "InvalidStateError":
      return gettext("This device has a passkey for your account already.");
    case "SecurityError":
      return gettext("The browser uses no passkeys of this installation at this address. Ask the operator for PUBLIC_URL.");
    case "NotSupportedError":
    case "ConstraintError":
      return gettext("This device cannot make a passkey that asks for PIN, fingerprint or face. Use another one.");
    case "NotAllowedError":
      return isNew
        ? gettext("No passkey was made: it was cancelled, or took too long.")
        : gettext("No passkey was used: it was cancelled, took too long, or this device has none of your account.");
    case "ChallengeRefused":
      return gettext("Your login took too long. Load the page again.");
    case "TypeError":
      return gettext("No connection. Try again in a moment.");
  }
  return gettext("The browser refused the passkey (%(name)s). Try again.", { name: error.name });
}

function make() {
  const options = JSON.parse(document.getElementById("passkey-options").textContent);
  return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
}

async function sign(form, challenge) {
  const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value };
  const answer = await fetch(challenge, { method: "POST", headers });
  if (!answer.ok) throw Object.assign(new Error(), { name: "ChallengeRefused" });
  const options = PublicKeyCredential.parseRequestOptionsFromJSON(await answer.json());
  return navigator.credentials.get({ publicKey: options });
}
