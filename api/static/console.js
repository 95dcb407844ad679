// The keyboard, and small comforts. Every page works without this file; nothing here asks another host for anything.
"use strict";

(() => {
  const KEYS_OFF = "vg_keys_off";
  const PREFIX_MS = 1500;
  const find = (selector) => document.querySelector(selector);
  const all = (selector) => Array.from(document.querySelectorAll(selector));

  // Storage may be closed to us (private mode); then the choice lasts for the page.
  let keysOff = false;
  try {
    keysOff = localStorage.getItem(KEYS_OFF) === "1";
  } catch {
    keysOff = false;
  }

  // --- rows

  const rows = all("table[data-rows] tbody tr").filter((row) => row.querySelector("a"));
  let here = -1;

  function goTo(index) {
    if (!rows.length) {
      return;
    }
    rows[here]?.classList.remove("here");
    here = Math.min(Math.max(index, 0), rows.length - 1);
    rows[here].classList.add("here");
    const link = rows[here].querySelector("a");
    link?.focus({ preventScroll: true });
    rows[here].scrollIntoView({ block: "nearest" });
  }

  function open() {
    rows[here]?.querySelector("a")?.click();
  }

  function pick() {
    const box = rows[here]?.querySelector('input[name="pick"]');
    if (box) {
      box.checked = !box.checked;
      count();
    }
  }

  function count() {
    const place = find("#picked");
    if (place) {
      const picked = all('input[name="pick"]:checked').length;
      place.textContent = picked ? `(${picked})` : "";
    }
  }

  // --- keys

  function go(name) {
    find(`a[data-go="${name}"]`)?.click();
  }

  function focusOn(selector) {
    const field = find(selector);
    field?.focus();
    return Boolean(field);
  }

  const dialog = find("#keys");
  const actions = {
    j: () => goTo(here + 1),
    k: () => goTo(here - 1),
    o: open,
    u: () => find("a[data-back]")?.click(),
    x: pick,
    e: () => focusOn("#act"),
    n: () => focusOn("#note"),
    "/": () => focusOn("#search") || (location.href = "/#search"),
    "?": () => dialog?.showModal(),
  };
  const places = { i: "inbox", s: "stats", t: "subscribers" };
  let prefixUntil = 0;

  function writing(target) {
    return target instanceof Element && target.closest("input:not([type=checkbox]), textarea, select, [contenteditable], .swagger");
  }

  document.addEventListener("keydown", (event) => {
    // 229 is what a key is called while an input method composes, as Telex and VNI do.
    if (event.isComposing || event.keyCode === 229 || event.ctrlKey || event.altKey || event.metaKey) {
      return;
    }
    if (event.key === "Escape" && writing(event.target)) {
      event.target.blur();
      return;
    }
    if (keysOff && event.key !== "?") {
      return;
    }
    if (writing(event.target) || dialog?.open) {
      return;
    }
    if (event.timeStamp < prefixUntil && event.key in places) {
      prefixUntil = 0;
      event.preventDefault();
      go(places[event.key]);
      return;
    }
    prefixUntil = event.key === "g" ? event.timeStamp + PREFIX_MS : 0;
    if (Object.hasOwn(actions, event.key)) {
      event.preventDefault();
      actions[event.key]();
    }
  });

  const keysOn = find("#keys-on");
  if (keysOn) {
    keysOn.checked = !keysOff;
    keysOn.addEventListener("change", () => {
      keysOff = !keysOn.checked;
      try {
        localStorage.setItem(KEYS_OFF, keysOff ? "1" : "0");
      } catch {
        // The choice lasts for the page.
      }
    });
  }
  find('a[data-go="help"]')?.addEventListener("click", (event) => {
    if (dialog) {
      event.preventDefault();
      dialog.showModal();
    }
  });

  // --- forms

  // A picked row's state survives the back button in some browsers, so it is counted at the start too.
  document.addEventListener("change", count);
  window.addEventListener("pageshow", count);

  // The period form shows the fields of the chosen kind only.
  const kind = find('#period select[name="kind"]');
  function showKind() {
    for (const label of all("#period [data-kinds]")) {
      label.hidden = !label.dataset.kinds.split(" ").includes(kind.value);
    }
  }
  if (kind) {
    kind.addEventListener("change", showKind);
    window.addEventListener("pageshow", showKind);
    showKind();
  }

  if (location.hash === "#search") {
    focusOn("#search");
  }
})();
