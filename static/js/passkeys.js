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
    const credential = button.dataset.passkey === "create" ? await make() : await sign(form, button.dataset.challenge);
    form.elements.passkey.value = JSON.stringify(credential.toJSON());
    const submits = [...form.querySelectorAll("button:not([type=button])")];
    form.requestSubmit(submits.find((one) => one.classList.contains("primary")) ?? submits[0]);
  } catch (error) {
    problem.textContent =
      error.name === "InvalidStateError"
        ? gettext("This device has a passkey for your account already.")
        : gettext("The passkey was not used: it was cancelled, took too long, or belongs to another account.");
    problem.hidden = false;
  } finally {
    button.disabled = false;
  }
});

function make() {
  const options = JSON.parse(document.getElementById("passkey-options").textContent);
  return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
}

async function sign(form, challenge) {
  const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value };
  const answer = await fetch(challenge, { method: "POST", headers });
  if (!answer.ok) throw new Error("no challenge");
  const options = PublicKeyCredential.parseRequestOptionsFromJSON(await answer.json());
  return navigator.credentials.get({ publicKey: options });
}
