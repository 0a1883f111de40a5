// Filters, copying and expanding; the report is complete without any of them.
"use strict";
(() => {
  const form = document.querySelector(".filters");
  const search = form.querySelector("[type=search]");
  const chip = form.querySelector(".clause");
  const FACETS = ["severity", "status", "gate", "outcome", "control"];
  let clause = "";
  const boxes = [...form.querySelectorAll("[type=checkbox]")];
  const found = [...document.querySelectorAll(".findings > li")];
  const groups = [...document.querySelectorAll(".group")];
  const requirements = [...document.querySelectorAll(".requirements > li")];
  const controls = [...document.querySelectorAll("#controls > .control")];
  const texts = new Map();

  const facet = (box) => box.closest("fieldset").dataset.filter;
  const textOf = (item) => {
    if (!texts.has(item)) texts.set(item, item.textContent.toLowerCase());
    return texts.get(item);
  };

  function chosen() {
    const filters = { text: search.value.trim().toLowerCase() };
    for (const name of FACETS) filters[name] = new Set();
    for (const box of boxes) if (box.checked) filters[facet(box)].add(box.value);
    return filters;
  }

  function apply() {
    const filters = chosen();
    const admits = (name, value) => !filters[name].size || filters[name].has(value);
    const mentions = (item) => !filters.text || textOf(item).includes(filters.text);
    const speaks = (item) => !clause || item.dataset.clauses.split("|").includes(clause);
    let shown = 0;
    for (const group of groups) {
      const spoken = speaks(group);
      for (const item of group.querySelectorAll(".findings > li")) {
        item.hidden = !(spoken && FACETS.every((name) => admits(name, item.dataset[name])) && mentions(item));
        shown += !item.hidden;
      }
    }
    for (const group of document.querySelectorAll(".group, .severity"))
      group.hidden = !group.querySelector(".findings > li:not([hidden])");
    for (const item of requirements) {
      const control = item.closest(".control").dataset.control;
      const fits = admits("severity", item.dataset.severity) && admits("outcome", item.dataset.outcome) && admits("control", control);
      const asked = !filters.status.size && !filters.gate.size;
      item.hidden = !(fits && speaks(item) && mentions(item) && (asked || item.dataset.outcome === "failed"));
    }
    for (const control of controls) {
      const own = control.querySelectorAll(".requirements > li");
      const narrow = filters.severity.size || filters.status.size || filters.gate.size || clause;
      const itself = !own.length && !narrow && admits("outcome", control.dataset.outcome) && mentions(control);
      const within = [...own].some((item) => !item.hidden);
      control.hidden = !(admits("control", control.dataset.control) && (itself || within));
    }
    const active = boxes.some((box) => box.checked) || filters.text || clause;
    chip.hidden = !clause;
    chip.lastElementChild.textContent = `${clause.replace(":", " ")} ×`;
    chip.lastElementChild.ariaLabel = `Any clause, not only ${clause.replace(":", " ")}`;
    const visible = controls.filter((control) => !control.hidden).length;
    form.querySelector("output").value = active
      ? `${shown} of ${found.length} findings, ${visible} of ${controls.length} controls` : "";
  }

  function toHash() {
    const filters = chosen();
    const parts = FACETS.filter((name) => filters[name].size).map((name) => `${name}=${[...filters[name]].join(",")}`);
    if (clause) parts.push(`clause=${encodeURIComponent(clause)}`);
    if (search.value.trim()) parts.push(`text=${encodeURIComponent(search.value.trim())}`);
    history.replaceState(null, "", parts.length ? `#${parts.join("&")}` : location.pathname + location.search);
  }

  function clear() {
    for (const box of boxes) box.checked = false;
    search.value = "";
    clause = "";
  }

  function fromHash() {
    const hash = location.hash.slice(1);
    if (!hash.includes("=")) return reveal(hash);
    const wanted = new URLSearchParams(hash);
    for (const box of boxes) box.checked = (wanted.get(facet(box)) || "").split(",").includes(box.value);
    search.value = wanted.get("text") || "";
    clause = wanted.get("clause") || "";
    apply();
    if (found.some((item) => !item.hidden)) document.getElementById("findings").scrollIntoView();
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
  form.addEventListener("reset", () => setTimeout(() => { clear(); apply(); toHash(); }));
  chip.addEventListener("click", () => { clause = ""; apply(); toHash(); });
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
  for (const item of document.querySelectorAll("p.scripted")) item.hidden = false;
  for (const item of document.querySelectorAll("main details[open]")) offerCopy(item);
  for (const name of document.querySelectorAll("[data-clause]")) {
    const link = document.createElement("a");
    link.href = `#clause=${encodeURIComponent(name.dataset.clause)}`;
    link.textContent = name.textContent;
    name.replaceWith(link);
  }
  fromHash();
})();
