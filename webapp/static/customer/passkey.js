// Asks the browser for a passkey when a form with data-passkey is sent, and sends its answer with the form. Without
// this script the form's button stays disabled.

const FAULTS = {
  NotAllowedError: "The request was cancelled or timed out, or the passkey is not on this device.",
  InvalidStateError: "This passkey is already registered.",
  SecurityError: "Passkeys do not work at this address. Open the portal at its public address.",
};

const toBytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));

function toText(buffer) {
  const letters = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// As PublicKeyCredential.parseCreationOptionsFromJSON and toJSON, which not all browsers and password managers have.
function parsed(options) {
  const withBytes = (credential) => ({ ...credential, id: toBytes(credential.id) });
  const result = { ...options, challenge: toBytes(options.challenge) };
  if (options.user) result.user = withBytes(options.user);
  for (const name of ["allowCredentials", "excludeCredentials"]) {
    if (options[name]) result[name] = options[name].map(withBytes);
  }
  return result;
}

function asJson(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = toText(credential.response[name]);
  }
  const id = toText(credential.rawId);
  return JSON.stringify({ id, rawId: id, type: credential.type, response, clientExtensionResults: {} });
}

function prepare(form) {
  const fault = form.querySelector("[data-passkey-fault]");
  const publicKey = JSON.parse(form.dataset.options);
  const button = form.querySelector("button");
  button.disabled = false;
  form.querySelector("[data-passkey-help]").hidden = true;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    fault.hidden = button.disabled = true;
    try {
      const credential = await navigator.credentials[form.dataset.passkey]({ publicKey: parsed(publicKey) });
      form.elements.answer.value = asJson(credential);
      form.submit();
    } catch (error) {
      fault.textContent = FAULTS[error.name] ?? "The browser could not use a passkey. Try again.";
      fault.hidden = button.disabled = false;
      button.focus();
    }
  });
}

if (window.PublicKeyCredential) document.querySelectorAll("form[data-passkey]").forEach(prepare);
