// The factor image: heat maps on canvas with a cursor that mouse, finger and keys move, and the
// factor under it as lines. Everything comes from the inert JSON of the page.
(function () {
  "use strict";

  var source = document.getElementById("image-data");
  if (!source) {
    return;
  }
  var data = JSON.parse(source.textContent);
  var root = document.documentElement;
  var readout = document.getElementById("readout");
  var veil = document.getElementById("veil");
  var strength = document.getElementById("veil-strength");
  var LEVEL = 0.5; // share of Grad-CAM's peak that is outlined
  var cursor = { session: data.sessions.length - 1, factor: 0, channel: 0 };
  var maps = [];
  var smalls = [];
  var lines = null;
  var colours = null;

  function parse(colour) {
    return colour.match(/\d+/g).slice(0, 3).map(Number);
  }

  function readColours() {
    colours = {
      stops: ["heat-1", "heat-2", "heat-3", "heat-4", "heat-5"].map(function (name) {
        return parse(prismColour(name));
      }),
      missing: prismColour("heat-missing"),
      ground: parse(prismColour("surface")),
      text: prismColour("text"),
      soft: prismColour("soft"),
      line: prismColour("line"),
      font: getComputedStyle(document.body).fontFamily,
    };
  }

  // The colour of a normalised value; both ends stand for everything beyond the limit.
  function colour(value) {
    var position = (Math.max(-data.limit, Math.min(data.limit, value)) / data.limit + 1) * 2;
    var low = Math.min(3, Math.floor(position));
    var part = position - low;
    var from = colours.stops[low];
    var to = colours.stops[low + 1];
    return "rgb(" + from.map(function (level, i) {
      return Math.round(level + (to[i] - level) * part);
    }).join(",") + ")";
  }

  function prepare(canvas, width, height) {
    var ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.height = height + "px";
    var pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    return pen;
  }

  function paintCells(pen, cells, box) {
    var rows = cells.length;
    var columns = cells[0].length;
    for (var row = 0; row < rows; row += 1) {
      var top = box.top + Math.round(row * box.height / rows);
      var bottom = box.top + Math.round((row + 1) * box.height / rows) - box.gap;
      for (var column = 0; column < columns; column += 1) {
        var left = box.left + Math.round(column * box.width / columns);
        var right = box.left + Math.round((column + 1) * box.width / columns);
        var value = cells[row][column];
        pen.fillStyle = value === null ? colours.missing : colour(value);
        pen.fillRect(left, top, right - left, bottom - top);
        if (value === null) {
          pen.strokeStyle = colours.soft;
          pen.beginPath();
          pen.moveTo(left, bottom);
          pen.lineTo(right, top);
          pen.stroke();
        }
      }
    }
  }

  // What the map passes over is veiled; its peaks are outlined, with dashes where they lower the
  // output.
  function paintVeil(pen, cam, box) {
    var rows = cam.length;
    var columns = cam[0].length;
    var alpha = Number(strength.value) / 100;
    var shade = colours.ground.join(",");

    function x(column) { return box.left + Math.round(column * box.width / columns); }
    function y(row) { return box.top + Math.round(row * box.height / rows); }
    function isIn(row, column, sign) {
      return row >= 0 && column >= 0 && row < rows && column < columns &&
        sign * cam[row][column] >= LEVEL;
    }

    var row;
    var column;
    for (row = 0; row < rows; row += 1) {
      for (column = 0; column < columns; column += 1) {
        var share = Math.min(1, Math.abs(cam[row][column]) / LEVEL);
        pen.fillStyle = "rgba(" + shade + "," + (alpha * (1 - share)).toFixed(3) + ")";
        pen.fillRect(x(column), y(row), x(column + 1) - x(column), y(row + 1) - y(row));
      }
    }
    [1, -1].forEach(function (sign) {
      pen.beginPath();
      for (row = 0; row < rows; row += 1) {
        for (column = 0; column < columns; column += 1) {
          if (!isIn(row, column, sign)) {
            continue;
          }
          [
            [row - 1, column, x(column), y(row), x(column + 1), y(row)],
            [row + 1, column, x(column), y(row + 1), x(column + 1), y(row + 1)],
            [row, column - 1, x(column), y(row), x(column), y(row + 1)],
            [row, column + 1, x(column + 1), y(row), x(column + 1), y(row + 1)],
          ].forEach(function (edge) {
            if (!isIn(edge[0], edge[1], sign)) {
              pen.moveTo(edge[2], edge[3]);
              pen.lineTo(edge[4], edge[5]);
            }
          });
        }
      }
      pen.setLineDash([]);
      pen.strokeStyle = prismColour("surface");
      pen.lineWidth = 4;
      pen.stroke();
      pen.setLineDash(sign > 0 ? [] : [4, 3]);
      pen.strokeStyle = colours.text;
      pen.lineWidth = 1.75;
      pen.stroke();
      pen.setLineDash([]);
      pen.lineWidth = 1;
    });
  }

  function paintNames(pen, box, width) {
    var rows = data.factors.length;
    pen.font = (width < 420 ? 11 : 12) + "px " + colours.font;
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    data.factors.forEach(function (factor, row) {
      var chosen = row === cursor.factor;
      pen.fillStyle = chosen ? colours.text : colours.soft;
      pen.fillText(factor.name, box.left - 6, box.top + (row + 0.5) * box.height / rows, box.left - 8);
    });
    var last = data.sessions.length - 1;
    var bottom = box.top + box.height + 12;
    pen.fillStyle = colours.soft;
    [[0, "left"], [Math.round(last / 2), "center"], [last, "right"]].forEach(function (mark) {
      pen.textAlign = mark[1];
      var along = mark[0] === 0 ? 0 : mark[0] === last ? 1 : (mark[0] + 0.5) / (last + 1);
      pen.fillText(data.sessions[mark[0]], box.left + along * box.width, bottom);
    });
  }

  function paintCursor(pen, box, strong) {
    var columns = data.sessions.length;
    var rows = data.factors.length;
    var left = box.left + Math.round(cursor.session * box.width / columns);
    var right = box.left + Math.round((cursor.session + 1) * box.width / columns);
    var top = box.top + Math.round(cursor.factor * box.height / rows);
    var bottom = box.top + Math.round((cursor.factor + 1) * box.height / rows);
    pen.lineWidth = 3;
    pen.strokeStyle = prismColour("surface");
    pen.strokeRect(left - 1.5, top - 1.5, right - left + 3, bottom - top + 2);
    pen.lineWidth = strong ? 2 : 1;
    pen.strokeStyle = strong ? prismColour("accent") : colours.text;
    pen.strokeRect(left - 1.5, top - 1.5, right - left + 3, bottom - top + 2);
    pen.lineWidth = 1;
  }

  function paint(map) {
    var width = map.canvas.clientWidth;
    var names = width < 420 ? 112 : 130;
    var height = data.factors.length * (width < 420 ? 17 : 19);
    map.width = width;
    map.box = { left: names, top: 3, width: width - names - 4, height: height, gap: 1 };
    var pen = prepare(map.canvas, width, height + 27);
    paintCells(pen, map.cells, map.box);
    if (data.cam && veil && veil.checked) {
      paintVeil(pen, data.cam, map.box);
    }
    paintNames(pen, map.box, width);
    paintCursor(pen, map.box, map.channel === cursor.channel);
  }

  function paintSmall(map) {
    var width = map.canvas.clientWidth;
    var height = Math.round(width * 0.5);
    map.width = width;
    var pen = prepare(map.canvas, width, height);
    paintCells(pen, map.cells, { left: 0, top: 0, width: width, height: height, gap: 0 });
  }

  function write(value) {
    return value === null || value === undefined ? "–" : String(+value.toPrecision(6)).replace("-", "−");
  }

  function writeSigned(value) {
    return value === null || value === undefined
      ? "–" : (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2);
  }

  function tell() {
    var factor = data.factors[cursor.factor];
    var raw = data.raw[cursor.channel][cursor.factor][cursor.session];
    var parts = [
      data.sessions[cursor.session],
      data.channels[cursor.channel],
      factor.name,
      data.text.value + " " + (raw === null ? data.text.missing : write(raw) + " " + factor.unit),
    ];
    if (data.scaled) {
      parts.push(data.text.scaled + " " + writeSigned(data.scaled[cursor.channel][cursor.factor][cursor.session]));
    }
    if (data.cam) {
      parts.push("Grad-CAM " + writeSigned(data.cam[cursor.factor][cursor.session]));
    }
    readout.textContent = parts.join(" · ");
  }

  function move(change) {
    var factor = cursor.factor;
    Object.assign(cursor, change);
    cursor.session = Math.max(0, Math.min(data.sessions.length - 1, cursor.session));
    cursor.factor = Math.max(0, Math.min(data.factors.length - 1, cursor.factor));
    maps.forEach(paint);
    tell();
    if (factor !== cursor.factor) {
      drawLines();
    }
  }

  function onKey(event, map) {
    var steps = {
      ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
      PageUp: [-7, 0], PageDown: [7, 0], Home: [-1e6, 0], End: [1e6, 0],
    };
    var step = steps[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey) {
      return;
    }
    event.preventDefault();
    move({
      channel: map.channel, session: cursor.session + step[0], factor: cursor.factor + step[1],
    });
  }

  function onPoint(event, map) {
    var area = map.canvas.getBoundingClientRect();
    var box = map.box;
    var across = (event.clientX - area.left - box.left) / box.width;
    var down = (event.clientY - area.top - box.top) / box.height;
    if (across < 0 || across >= 1 || down < 0 || down >= 1) {
      return;
    }
    var session = Math.floor(across * data.sessions.length);
    var factor = Math.floor(down * data.factors.length);
    if (session !== cursor.session || factor !== cursor.factor || map.channel !== cursor.channel) {
      move({ channel: map.channel, session: session, factor: factor });
    }
  }

  // The factor under the cursor, in its own unit, one line a channel.
  function drawLines() {
    var panel = document.getElementById("factor-lines");
    if (!panel || !window.uPlot) {
      return;
    }
    if (lines) {
      lines.destroy();
    }
    var factor = data.factors[cursor.factor];
    var grid = { stroke: prismColour("grid"), width: 1 };
    var axis = { stroke: prismColour("soft"), grid: grid, ticks: grid, font: "12px system-ui, sans-serif" };
    document.getElementById("factor-name").textContent = factor.name + " (" + factor.unit + ")";
    lines = new uPlot({
      width: panel.clientWidth,
      height: 220,
      tzDate: function (seconds) { return uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC"); },
      cursor: { drag: { x: true, y: false } },
      padding: [null, 36, null, null], // half a date, which stands under the last session
      axes: [
        Object.assign({}, axis, { values: "{YYYY}-{MM}-{DD}", space: 90 }),
        Object.assign({}, axis, { size: 56 }),
      ],
      series: [{ value: "{YYYY}-{MM}-{DD}", label: data.text.session }].concat(
        data.channels.map(function (channel, i) {
          return {
            label: channel,
            stroke: prismColour(data.colours[i % data.colours.length]),
            width: 1.5,
            dash: i ? [6, 2 + i] : undefined,
            points: { show: false },
            value: function (_, value) { return write(value); },
          };
        })
      ),
    }, [data.days.map(function (day) { return day * 86400; })].concat(
      data.raw.map(function (channel) { return channel[cursor.factor]; })
    ), panel);
  }

  function drawAll() {
    readColours();
    maps.forEach(paint);
    smalls.forEach(paintSmall);
    drawLines();
  }

  document.querySelectorAll("canvas[data-channel]").forEach(function (canvas) {
    var channel = Number(canvas.dataset.channel);
    var cells = data.scaled ? data.scaled[channel] : data.raw[channel].map(function (row) {
      return row.map(function (value) { return value === null ? null : 0; });
    });
    var map = { canvas: canvas, channel: channel, cells: cells, width: 0, box: null };
    maps.push(map);
    canvas.addEventListener("keydown", function (event) { onKey(event, map); });
    canvas.addEventListener("focus", function () { move({ channel: channel }); });
    canvas.addEventListener("pointermove", function (event) { onPoint(event, map); });
    canvas.addEventListener("pointerdown", function (event) { onPoint(event, map); });
  });
  document.querySelectorAll("canvas[data-neighbour]").forEach(function (canvas) {
    smalls.push({ canvas: canvas, cells: data.small[Number(canvas.dataset.neighbour)], width: 0 });
  });
  if (veil) {
    veil.closest("fieldset").hidden = false;
    veil.addEventListener("change", function () {
      strength.disabled = !veil.checked;
      maps.forEach(paint);
    });
    strength.addEventListener("input", function () { maps.forEach(paint); });
  }
  drawAll();
  tell();

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  new MutationObserver(drawAll).observe(root, { attributes: true, attributeFilter: ["data-theme"] });
  window.addEventListener("resize", function () {
    maps.forEach(function (map) {
      if (map.canvas.clientWidth !== map.width) {
        paint(map);
      }
    });
    smalls.forEach(function (map) {
      if (map.canvas.clientWidth !== map.width) {
        paintSmall(map);
      }
    });
    var panel = document.getElementById("factor-lines");
    if (lines && panel.clientWidth !== lines.width) {
      lines.setSize({ width: panel.clientWidth, height: 220 });
    }
  });
})();
