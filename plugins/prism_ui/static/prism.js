// What a page does beyond its HTML: the theme switch, and charts over days drawn by uPlot.
(function () {
  "use strict";

  var root = document.documentElement;
  var DAY = 86400;

  // Theme: light, dark, or as the system has it.
  var button = document.querySelector("[data-theme-switch]");
  var order = ["system", "light", "dark"];

  function currentTheme() {
    return root.dataset.theme || "system";
  }

  function nameTheme() {
    var key = currentTheme();
    button.textContent = button.dataset["label" + key[0].toUpperCase() + key.slice(1)];
  }

  function setTheme(theme) {
    if (theme === "system") {
      delete root.dataset.theme;
    } else {
      root.dataset.theme = theme;
    }
    try {
      localStorage.setItem("prism-theme", theme);
    } catch (error) {
      // Storage is switched off: the choice holds for this page.
    }
    nameTheme();
    drawAll();
  }

  if (button) {
    button.hidden = false;
    nameTheme();
    button.addEventListener("click", function () {
      setTheme(order[(order.indexOf(currentTheme()) + 1) % order.length]);
    });
  }

  // Charts. A spec holds x (days since 1970), series and options; see docs/pages.md.
  var plots = [];

  function write(value, unit) {
    if (unit === "mark") {
      return value === null || value === undefined ? "" : "●";
    }
    if (value === null || value === undefined) {
      return "–";
    }
    return unit === "percent" ? (100 * value).toFixed(1) + "%" : String(+value.toFixed(4));
  }

  // As much of the date as tells neighbouring ticks apart.
  function writeDays(_, ticks, axis, space, step) {
    var length = step >= 360 * DAY ? 4 : step >= 28 * DAY ? 7 : 10;
    return ticks.map(function (tick) {
      return new Date(tick * 1e3).toISOString().slice(0, length);
    });
  }

  // A value without neighbours makes no line: it gets a dot.
  function findLone(plot, series) {
    var values = plot.data[series];
    var lone = [];
    values.forEach(function (value, at) {
      if (value != null && values[at - 1] == null && values[at + 1] == null) {
        lone.push(at);
      }
    });
    return lone.length ? lone : null;
  }

  // A day alone has no width: it gets `room` on either side.
  function spread(room) {
    return function (plot, min, max) {
      var days = plot.data[0];
      return days.length === 1 ? [days[0] - room, days[0] + room] : [min, max];
    };
  }

  function makeSeries(one, unit) {
    var colour = prismColour(one.colour || "chart-1");
    var dots = one.style === "points";
    return {
      label: one.label,
      stroke: colour,
      width: dots ? 0 : one.width || 1.5,
      dash: one.dash ? [5, 4] : undefined,
      spanGaps: false,
      paths: dots ? function () { return null; } : undefined,
      points: {
        show: dots,
        filter: dots ? undefined : findLone,
        size: one.size || 5,
        fill: colour,
        stroke: colour,
        width: 0,
      },
      value: function (_, value) { return write(value, one.unit || unit); },
    };
  }

  function makeOptions(spec, width) {
    var grid = { stroke: prismColour("grid"), width: 1 };
    var axis = { stroke: prismColour("soft"), grid: grid, ticks: grid, font: "12px system-ui, sans-serif" };
    return {
      width: width,
      height: spec.height || 280,
      tzDate: function (seconds) { return uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC"); },
      cursor: { drag: { x: true, y: false } },
      padding: [null, 36, null, null], // half a date, which stands under the last session
      legend: {
        markers: {
          width: 0,
          fill: function (_, series) { return series ? prismColour(spec.series[series - 1].colour || "chart-1") : ""; },
        },
      },
      scales: {
        x: spec.x_unit === "number" ? { time: false, range: spread(1) } : { range: spread(7 * DAY) },
        y: spec.range ? { range: spec.range } : {},
      },
      axes: [
        Object.assign({}, axis, {
          values: spec.x_unit === "number" ? undefined : writeDays,
          space: spec.x_unit === "number" ? 50 : 80,
          incrs: spec.x_unit === "number" ? [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] : undefined,
        }),
        Object.assign({}, axis, {
          size: 56,
          values: function (_, ticks) {
            return ticks.map(function (tick) {
              return spec.unit === "percent" ? Math.round(tick * 1000) / 10 + "%" : tick;
            });
          },
        }),
      ],
      series: [{ value: spec.x_unit === "number" ? undefined : "{YYYY}-{MM}-{DD}", label: spec.x_label || "" }]
        .concat(spec.series.map(function (one) { return makeSeries(one, spec.unit); })),
      bands: (spec.bands || []).map(function (pair) {
        return { series: [pair[0] + 1, pair[1] + 1], fill: prismColour("accent-soft") };
      }),
    };
  }

  function draw(item) {
    var spec = item.spec;
    if (item.plot) {
      item.plot.destroy();
    }
    var scale = spec.x_unit === "number" ? 1 : DAY;
    var data = [spec.x.map(function (day) { return day * scale; })].concat(
      spec.series.map(function (one) { return one.values; })
    );
    item.width = item.node.clientWidth;
    item.plot = new uPlot(makeOptions(spec, item.width), data, item.node);
  }

  function drawAll() {
    plots.forEach(draw);
  }

  if (window.uPlot) {
    document.querySelectorAll("[data-chart]").forEach(function (node) {
      var spec = JSON.parse(node.querySelector("script").textContent);
      plots.push({ node: node, spec: spec, plot: null, width: 0 });
    });
    drawAll();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
    window.addEventListener("resize", function () {
      plots.forEach(function (item) {
        if (item.node.clientWidth !== item.width) {
          item.width = item.node.clientWidth;
          item.plot.setSize({ width: item.width, height: item.spec.height || 280 });
        }
      });
    });
  }
})();
