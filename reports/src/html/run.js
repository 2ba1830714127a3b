"use strict";
// Zoom, hover and copying. Everything that the page says stands in it without this script.
(() => {
  const WIDTH = 100000;
  const data = JSON.parse(document.getElementById("data").textContent);
  const plots = [...document.querySelectorAll("svg.plot")];
  const tip = document.getElementById("tip");
  const axis = document.getElementById("axis");
  const shownWindow = document.getElementById("window");
  const placed = [...document.querySelectorAll(".placed")].map((element) => ({
    element, from: Number(element.dataset.from), until: Number(element.dataset.until),
  }));
  const SVG = "http://www.w3.org/2000/svg";
  // The part of the run that is shown, in nanoseconds.
  let view = { from: 0, until: data.end };

  const time = (ns) => {
    if (ns === 0) return "0";
    const units = [[1e9, "s"], [1e6, "ms"], [1e3, "us"], [1, "ns"]];
    const [unit, name] = units.find(([unit]) => Math.abs(ns) >= unit) || [1, "ns"];
    return `${Number((ns / unit).toFixed(3))} ${name}`;
  };

  // Round instants of what is shown, at most nine.
  const ticks = () => {
    const length = view.until - view.from;
    const scale = 10 ** Math.floor(Math.log10(length / 8));
    const step = [1, 2, 5, 10].map((step) => step * scale).find((step) => length / step <= 8);
    const first = Math.ceil(view.from / step);
    const count = Math.floor(view.until / step) - first + 1;
    return Array.from({ length: count }, (_, number) => (first + number) * step);
  };

  const show = (from, until) => {
    const least = Math.max(data.end / 2000, 1000);
    const length = Math.min(Math.max(until - from, least), data.end);
    const start = Math.min(Math.max(from, 0), data.end - length);
    view = { from: start, until: start + length };
    const x = (view.from / data.end) * WIDTH;
    const width = (length / data.end) * WIDTH;
    for (const plot of plots) plot.setAttribute("viewBox", `${x} 0 ${width} 1000`);
    const share = (ns) => Math.min(Math.max((ns - view.from) / length, 0), 1) * 100;
    for (const { element, from, until } of placed) {
      element.style.left = `${share(from)}%`;
      element.style.width = `${share(until) - share(from)}%`;
      element.hidden = until <= view.from || from >= view.until;
    }
    axis.replaceChildren(...ticks().map((ns) => {
      const tick = document.createElement("span");
      tick.className = "tick";
      tick.style.left = `${share(ns)}%`;
      tick.textContent = time(ns);
      return tick;
    }));
    const all = length >= data.end;
    shownWindow.textContent = all ? "" : `${time(view.from)} to ${time(view.until)}`;
  };

  const zoom = (factor, around = (view.from + view.until) / 2) => {
    const length = (view.until - view.from) * factor;
    const share = (around - view.from) / (view.until - view.from);
    show(around - length * share, around + length * (1 - share));
  };

  const at = (plot, event) => {
    const box = plot.getBoundingClientRect();
    const share = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    return view.from + share * (view.until - view.from);
  };

  const mark = (name, from, until) => {
    for (const plot of plots) {
      let shape = plot.querySelector(`.${name}`);
      if (!shape) {
        shape = document.createElementNS(SVG, "rect");
        shape.setAttribute("class", name);
        shape.setAttribute("y", 0);
        shape.setAttribute("height", 1000);
        plot.append(shape);
      }
      shape.setAttribute("x", (from / data.end) * WIDTH);
      shape.setAttribute("width", ((until - from) / data.end) * WIDTH);
    }
  };
  const unmark = (name) => document.querySelectorAll(`svg.plot .${name}`).forEach((it) => it.remove());

  const describe = (ns) => {
    const number = Math.min(Math.floor(ns / data.width), data.rows.length - 1);
    const row = data.rows[number];
    const lines = [time(number * data.width)];
    lines.push(`${Math.round((row.n * 1e9) / data.width)} requests/s, ${row.o} in flight at most`);
    data.outcomes.forEach((name, place) => {
      if (row.c[place] > 0) lines.push(`${row.c[place]} ${name}`);
    });
    if (row.p[0] !== null) {
      lines.push(`p50 ${time(row.p[0])}, p95 ${time(row.p[1])}, p99 ${time(row.p[2])}`);
    }
    for (const fault of data.faults) {
      if (fault.f <= ns && ns < fault.u) lines.push(fault.l);
    }
    return lines.join("\n");
  };

  const hover = (plot, event) => {
    const ns = at(plot, event);
    mark("cursor", ns, ns);
    tip.textContent = describe(ns);
    tip.hidden = false;
    const left = Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8);
    const top = Math.min(event.clientY + 14, window.innerHeight - tip.offsetHeight - 8);
    tip.style.left = `${Math.max(left, 4)}px`;
    tip.style.top = `${Math.max(top, 4)}px`;
  };

  for (const plot of plots) {
    let begun = null;
    plot.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      begun = at(plot, event);
      plot.setPointerCapture(event.pointerId);
    });
    plot.addEventListener("pointermove", (event) => {
      hover(plot, event);
      if (begun !== null) {
        const now = at(plot, event);
        mark("chosen", Math.min(begun, now), Math.max(begun, now));
      }
    });
    plot.addEventListener("pointerup", (event) => {
      if (begun === null) return;
      const [from, until] = [begun, at(plot, event)].sort((a, b) => a - b);
      begun = null;
      unmark("chosen");
      if (until - from > (view.until - view.from) / 100) show(from, until);
    });
    plot.addEventListener("pointercancel", () => {
      begun = null;
      unmark("chosen");
    });
    plot.addEventListener("pointerleave", () => {
      unmark("cursor");
      tip.hidden = true;
    });
    plot.addEventListener("dblclick", () => show(0, data.end));
  }

  const move = (share) => {
    const by = (view.until - view.from) * share;
    show(view.from + by, view.until + by);
  };
  const keys = {
    "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), "0": () => show(0, data.end),
    ArrowLeft: () => move(-0.25), ArrowRight: () => move(0.25),
  };
  for (const chart of document.querySelectorAll(".chart")) {
    chart.addEventListener("keydown", (event) => {
      const act = keys[event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      act();
    });
  }
  const tools = { in: () => zoom(0.5), out: () => zoom(2), all: () => show(0, data.end) };
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => tools[button.dataset.zoom]());
  }

  const copied = document.getElementById("copied");
  document.getElementById("copy").addEventListener("click", async () => {
    const command = document.getElementById("replay");
    try {
      await navigator.clipboard.writeText(command.textContent);
      copied.textContent = "copied";
    } catch {
      // Not allowed here: what is selected can be copied by hand.
      getSelection().selectAllChildren(command);
      copied.textContent = document.execCommand("copy") ? "copied" : "selected, press Ctrl+C";
    }
  });
})();
