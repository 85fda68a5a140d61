// Articles for a reply, picked from a search instead of typed by id: each becomes a ticked box of the form. Without it,
// the typed words are searched for on the server.

const picker = document.querySelector("[data-picker]");
const picked = document.querySelector("[data-picked]");

function createElement(tag, className, ...children) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}

function addChoice(target, title, path) {
  for (const box of picker.closest("form").querySelectorAll('input[name="document"]')) {
    if (box.value !== target) continue;
    box.checked = true;
    return;
  }

  const box = document.createElement("input");
  box.type = "checkbox";
  box.name = "document";
  box.value = target;
  box.checked = true;
  const body = createElement("span", "choice-body", createElement("strong", "", title));
  if (path.length) body.append(createElement("span", "choice-words", path.join(" › ")));
  picked.append(createElement("div", "choice", createElement("label", "", box, body)));
  picked.hidden = false;
}

picker?.addEventListener("ask:open", (event) => {
  const { hit } = event.detail;
  const address = new URL(hit.url, location.href);
  addChoice(address.pathname + address.hash, hit.title, address.hash ? hit.path || [] : []);
  const input = picker.querySelector("input");
  input.value = "";
  picker.clear();
  input.focus();
});
