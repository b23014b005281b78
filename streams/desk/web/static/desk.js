// Keys of the queue, outputs of sliders, and the line of evidence as a chart that can be read point by point. Every page works without it.
"use strict";

const typing = (element) => element.closest("input:not([type=radio]):not([type=checkbox]), textarea, select") !== null;
const cards = () => [...document.querySelectorAll("main .card[tabindex]")];
const keysOn = () => localStorage.getItem("siphonwatch-keys") !== "off";

function step(by) {
  const all = cards();
  const at = all.findIndex((card) => card.contains(document.activeElement));
  const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
  if (next) next.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !keysOn() || typing(event.target)) return;
  const card = event.target.closest(".card, .ruled");
  if (event.key === "j" || event.key === "k") {
    if (!card && event.target !== document.body && event.target.id !== "main") return;
    step(event.key === "j" ? 1 : -1);
    event.preventDefault();
    return;
  }
  if (!card) return;
  const scope = { 1: "one", 2: "alike", 3: "group" }[event.key];
  if (scope) {
    const choice = card.querySelector(`input[name=scope][value=${scope}]`);
    if (choice) choice.checked = true;
  } else if (event.key === "n") {
    card.querySelector("input[name=note]")?.focus();
    event.preventDefault();
  } else if (event.key === "o") {
    card.querySelector("a.id, a")?.click();
  } else {
    const button = card.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (button) {
      event.preventDefault();
      button.click();
    }
  }
});

document.addEventListener("htmx:afterSwap", (event) => {
  const ruled = document.querySelectorAll(".ruled.done");
  const newest = event.detail.target.closest?.(".ruled") ?? [...ruled].find((one) => !one.dataset.met);
  ruled.forEach((one) => { one.dataset.met = "yes"; });
  if (newest?.isConnected) newest.focus();
});
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status >= 400) {
    event.detail.shouldSwap = false;
    const found = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html").querySelector(".alert");
    const words = document.createElement("p");
    words.className = "alert";
    words.setAttribute("role", "alert");
    words.textContent = found ? found.textContent : event.detail.xhr.responseText.slice(0, 300);
    document.getElementById("main").prepend(words);
  }
});

document.addEventListener("input", (event) => {
  const output = event.target.labels?.[0]?.querySelector("output");
  if (output) output.textContent = event.target.value;
});

function drawn(holder) {
  const points = JSON.parse(holder.dataset.points);
  if (points.length < 3 || typeof uPlot === "undefined") return;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const chart = document.createElement("details");
  const words = document.createElement("summary");
  words.textContent = "Read it point by point";
  chart.append(words);
  holder.append(chart);
  chart.addEventListener("toggle", () => {
    if (!chart.open || chart.dataset.drawn) return;
    chart.dataset.drawn = "yes";
    const height = Number(holder.dataset.height);
    const axis = { stroke: colour("--ink"), grid: { stroke: colour("--track") }, ticks: { stroke: colour("--track") } };
    new uPlot({
      width: Math.min(holder.clientWidth, 720), height: 240, tzDate: (at) => uPlot.tzDate(new Date(at * 1e3), "Etc/UTC"),
      axes: [axis, axis],
      series: [{}, { label: holder.dataset.label, stroke: colour("--bar"), width: 2 }, { label: "flag", stroke: colour("--warm"), dash: [7, 4] }],
    }, [points.map((one) => one[0]), points.map((one) => one[1]), points.map(() => height)], chart);
  });
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".chart[data-points]").forEach(drawn);
  const keys = document.getElementById("keys-on");
  if (keys) {
    keys.checked = keysOn();
    keys.addEventListener("change", () => localStorage.setItem("siphonwatch-keys", keys.checked ? "on" : "off"));
  }
});
