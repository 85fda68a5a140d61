// Screenshots by paste and files by drop, into the file field of the form. Without it, they are chosen as files.

const EXTENSIONS = { "image/jpeg": "jpg", "image/gif": "gif" };

// Browsers call every pasted picture image.png: two of them need two names.
function named(file, number) {
  if (!/^image\.\w+$/.test(file.name)) return file;
  const time = new Date().toTimeString().slice(0, 8).replaceAll(":", "-");
  const name = `screenshot-${time}-${number}.${EXTENSIONS[file.type] || "png"}`;
  return new File([file], name, { type: file.type });
}

function add(field, files) {
  const all = new DataTransfer();
  for (const file of field.files) all.items.add(file);
  for (const file of files) all.items.add(named(file, all.items.length + 1));
  field.files = all.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

function watch(form, field) {
  const status = document.createElement("p");
  status.className = "meta file-names";
  status.setAttribute("role", "status");
  if (!field.dataset.megabytes) field.after(status); // the ticket form lists its files itself

  const list = () => (status.textContent = [...field.files].map((file) => file.name).join(", "));
  list();
  field.addEventListener("change", list);
  form.addEventListener("paste", (event) => {
    const pictures = [...event.clipboardData.files].filter((file) => file.type.startsWith("image/"));
    if (!pictures.length) return;
    event.preventDefault();
    add(field, pictures);
  });
  form.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    form.classList.add("dropping");
  });
  form.addEventListener("dragleave", (event) => {
    if (!form.contains(event.relatedTarget)) form.classList.remove("dropping");
  });
  form.addEventListener("drop", (event) => {
    form.classList.remove("dropping");
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    add(field, event.dataTransfer.files);
  });
}

for (const field of document.querySelectorAll('input[type="file"][name="attachments"]')) watch(field.form, field);
