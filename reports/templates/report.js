// Filters, copying and expanding; the report is complete without any of them.
"use strict";
(() => {
  const form = document.querySelector(".filters");
  const search = form.querySelector("[type=search]");
  const boxes = [...form.querySelectorAll("[type=checkbox]")];
  const found = [...document.querySelectorAll(".findings > li")];
  const requirements = [...document.querySelectorAll(".requirements > li")];
  const controls = [...document.querySelectorAll("#controls > .control")];
  const texts = new Map();

  const facet = (box) => box.closest("fieldset").dataset.filter;
  const textOf = (item) => {
    if (!texts.has(item)) texts.set(item, item.textContent.toLowerCase());
    return texts.get(item);
  };

  function chosen() {
    const filters = { severity: new Set(), outcome: new Set(), control: new Set(), text: search.value.trim().toLowerCase() };
    for (const box of boxes) if (box.checked) filters[facet(box)].add(box.value);
    return filters;
  }

  function apply() {
    const filters = chosen();
    const admits = (name, value) => !filters[name].size || filters[name].has(value);
    const mentions = (item) => !filters.text || textOf(item).includes(filters.text);
    let shown = 0;
    for (const item of found) {
      const { severity, outcome, control } = item.dataset;
      item.hidden = !(admits("severity", severity) && admits("outcome", outcome) && admits("control", control) && mentions(item));
      shown += !item.hidden;
    }
    for (const group of document.querySelectorAll(".group, .severity"))
      group.hidden = !group.querySelector(".findings > li:not([hidden])");
    for (const item of requirements) {
      const control = item.closest(".control").dataset.control;
      item.hidden = !(admits("severity", item.dataset.severity) && admits("outcome", item.dataset.outcome) && admits("control", control) && mentions(item));
    }
    for (const control of controls) {
      const own = control.querySelectorAll(".requirements > li");
      const itself = !own.length && !filters.severity.size && admits("outcome", control.dataset.outcome) && mentions(control);
      const within = [...own].some((item) => !item.hidden);
      control.hidden = !(admits("control", control.dataset.control) && (itself || within));
    }
    const active = boxes.some((box) => box.checked) || filters.text;
    const visible = controls.filter((control) => !control.hidden).length;
    form.querySelector("output").value = active
      ? `${shown} of ${found.length} findings, ${visible} of ${controls.length} controls` : "";
  }

  function toHash() {
    const filters = chosen();
    const parts = ["severity", "outcome", "control"].filter((name) => filters[name].size)
      .map((name) => `${name}=${[...filters[name]].join(",")}`);
    if (search.value.trim()) parts.push(`text=${encodeURIComponent(search.value.trim())}`);
    history.replaceState(null, "", parts.length ? `#${parts.join("&")}` : location.pathname + location.search);
  }

  function clear() {
    for (const box of boxes) box.checked = false;
    search.value = "";
  }

  function fromHash() {
    const hash = location.hash.slice(1);
    if (!hash.includes("=")) return reveal(hash);
    const wanted = new URLSearchParams(hash);
    for (const box of boxes) box.checked = (wanted.get(facet(box)) || "").split(",").includes(box.value);
    search.value = wanted.get("text") || "";
    apply();
  }

  function reveal(id) {
    const target = id && document.getElementById(id);
    if (!target) return;
    if (target.closest("[hidden]")) {
      clear();
      apply();
    }
    const own = target.querySelector(":scope > details");
    if (own) own.open = true;
    for (let node = target; node; node = node.parentElement) if (node.localName === "details") node.open = true;
    target.scrollIntoView();
  }

  function offerCopy(within) {
    for (const command of within.querySelectorAll("pre.command")) {
      if (command.querySelector(".copy")) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "Copy";
      command.append(button);
    }
  }

  async function copy(button) {
    const code = button.parentElement.querySelector("code");
    getSelection().selectAllChildren(code);
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  }

  const folded = () => [...document.querySelectorAll("main details")].filter((item) => !item.closest("[hidden]"));
  let opened = [];

  form.addEventListener("change", () => { apply(); toHash(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { apply(); toHash(); }));
  let typing;
  search.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => { apply(); toHash(); }, 150); });
  form.querySelector("[data-action=expand]").addEventListener("click", (event) => {
    const expand = event.target.textContent === "Expand all";
    for (const item of folded()) item.open = expand;
    event.target.textContent = expand ? "Collapse all" : "Expand all";
  });
  document.addEventListener("toggle", (event) => { if (event.target.open) offerCopy(event.target); }, true);
  document.addEventListener("click", (event) => { if (event.target.matches(".copy")) copy(event.target); });
  window.addEventListener("hashchange", fromHash);
  window.addEventListener("beforeprint", () => {
    opened = folded().filter((item) => !item.open);
    for (const item of opened) item.open = true;
  });
  window.addEventListener("afterprint", () => { for (const item of opened) item.open = false; });

  form.hidden = false;
  offerCopy(document);
  fromHash();
})();
