// Draws the charts of a report from the data in the page. Everything that it draws stands in tables or in a still
// picture as well: without JavaScript nothing is lost but the zooming. Names and source text are only ever set as text.
'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const element = id => document.getElementById(id);
  const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const palette = ['#0969da', '#cf222e', '#1a7f37', '#9a6700', '#8250df', '#bf3989', '#0a7ea4', '#6e7781'];

  function bytesText(value) {
    if (value == null) return '-';
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    let unit = 0, size = Math.abs(value);
    while (size >= 1024 && unit < units.length - 1) { size /= 1024; ++unit; }
    const text = unit === 0 || size >= 100 ? Math.round(size) : size.toPrecision(3);
    return (value < 0 ? '-' : '') + Number(text) + ' ' + units[unit];
  }
  function secondsText(value) {
    if (value == null) return '-';
    if (value < 120) return Number(value.toPrecision(4)) + ' s';
    if (value < 7200) return Number((value / 60).toPrecision(4)) + ' min';
    if (value < 172800) return Number((value / 3600).toPrecision(4)) + ' h';
    return Number((value / 86400).toPrecision(4)) + ' d';
  }
  // Steps that are round in the unit people read them in.
  const byteSteps = [];
  for (let unit = 1; unit < 2 ** 50; unit *= 1024) for (const step of [1, 2, 5, 10, 20, 50, 100, 200, 500]) byteSteps.push(unit * step);
  const timeSteps = [.01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400,
    172800, 432000, 864000, 2592000, 8640000, 31536000];

  const charts = [];
  // A few pages on top of many megabytes are no cliff: the axis spans at least 2 % of the level (as kLeastSpan does in C++).
  function leastSpan(u, low, high) {
    if (low == null || high == null) return [0, 1];
    const missing = Math.max(0, Math.abs(high) * 0.02 - (high - low));
    return uPlot.rangeNum(low - (low >= 0 ? Math.min(low, missing / 2) : missing / 2), high + missing / 2, 0.1, true);
  }

  function chart(holder, series, columns, extra) {
    const draw = () => {
      const text = colour('--text'), grid = { stroke: colour('--line'), width: 1 };
      const options = {
        width: Math.max(280, holder.clientWidth - 18), height: extra.height || 320, legend: { live: true },
        cursor: { drag: { x: true, y: false } }, scales: { x: { time: false }, y: extra.yScale || { range: leastSpan } },
        axes: [{ stroke: text, grid, ticks: grid, incrs: timeSteps, values: (u, values) => values.map(secondsText) },
          { stroke: text, grid, ticks: grid, incrs: byteSteps, size: 78, values: (u, values) => values.map(bytesText) }],
        series: [{ label: 'time', value: (u, v) => secondsText(v) },
          ...series.map(s => ({ value: (u, v) => bytesText(v), points: { show: false }, ...s }))],
        bands: extra.bands, hooks: { drawClear: [u => extra.under && extra.under(u)] },
      };
      holder.textContent = '';
      return new uPlot(options, columns, holder);
    };
    const entry = { holder, plot: draw(), draw };
    charts.push(entry);
    holder.tabIndex = 0;
    holder.onkeydown = event => {  // one handler, however often the chart is made anew
      const u = entry.plot, scale = u.scales.x, span = scale.max - scale.min, xs = columns[0];
      const zoom = (min, max) => u.setScale('x', { min: Math.max(xs[0], min), max: Math.min(xs[xs.length - 1], max) });
      const middle = u.cursor.idx == null ? (scale.min + scale.max) / 2 : xs[u.cursor.idx];
      switch (event.key) {
        case '+': case '=': zoom(middle - span / 4, middle + span / 4); break;
        case '-': zoom(scale.min - span / 2, scale.max + span / 2); break;
        case '0': case 'Escape': zoom(xs[0], xs[xs.length - 1]); break;
        case 'ArrowLeft': case 'ArrowRight': {
          const step = Math.max(1, Math.round(xs.length / 100)) * (event.key === 'ArrowLeft' ? -1 : 1);
          const index = Math.min(xs.length - 1, Math.max(0, (u.cursor.idx == null ? 0 : u.cursor.idx) + step));
          u.setCursor({ left: u.valToPos(xs[index], 'x'), top: u.bbox.height / 2 / devicePixelRatio });
          break;
        }
        default: return;
      }
      event.preventDefault();
    };
    return entry;
  }

  function memoryChart() {
    const holder = element('memory'), m = data.memory;
    if (!holder || !m || m.seconds.length < 2) return;
    const begin = m.seconds[0], end = m.seconds[m.seconds.length - 1];
    const crossing = m.crossing_s;
    function build(projected) {
      // The fitted line needs no more points than its ends: they are merged into the time column.
      const xs = m.seconds.slice(), value = m.bytes.slice();
      const at = x => { let i = xs.findIndex(v => v >= x); if (i < 0) { i = xs.length; xs.push(x); value.push(null); }
        else if (xs[i] !== x) { xs.splice(i, 0, x); value.splice(i, 0, null); } };
      const last = projected ? crossing * 1.05 : end;
      if (m.fit) { at(m.fit.from); if (projected) { at(crossing); at(last); } }
      const slope = m.fit ? line => xs.map(x => x < m.fit.from || x > last ? null : line[0] + (line[1] - line[0]) * (x - m.fit.from) / (end - m.fit.from)) : () => xs.map(() => null);
      const columns = [xs, value, slope(m.fit && m.fit.line), slope(m.fit && m.fit.low), slope(m.fit && m.fit.high)];
      const faint = 'rgba(207,34,46,.35)';
      const series = [{ label: data.metric, stroke: colour('--accent'), width: 1.5, spanGaps: true },
        { label: 'fit', stroke: colour('--bad'), width: 2, dash: [6, 4] },
        { label: 'low', stroke: faint, width: 1 }, { label: 'high', stroke: faint, width: 1 }];
      if (m.limit != null) {
        columns.push(xs.map(() => projected || m.limit_near ? m.limit : null));
        series.push({ label: 'limit', stroke: colour('--doubt'), width: 2, dash: [2, 3] });
      }
      return chart(holder, series, columns, {
        bands: [{ series: [4, 3], fill: 'rgba(207,34,46,.14)' }],
        under: u => {
          const c = u.ctx, x = v => Math.min(Math.max(u.valToPos(v, 'x', true), u.bbox.left), u.bbox.left + u.bbox.width);
          c.save();
          c.fillStyle = 'rgba(9,105,218,.06)';
          m.rounds.forEach((r, i) => { if (i % 2 === 0) c.fillRect(x(r[0]), u.bbox.top, x(r[1]) - x(r[0]), u.bbox.height); });
          if (m.warmup_end_s > begin) { c.fillStyle = 'rgba(110,119,129,.16)'; c.fillRect(x(begin), u.bbox.top, x(m.warmup_end_s) - x(begin), u.bbox.height); }
          c.restore();
        },
      });
    }
    build(false);
    const button = element('project');
    if (button && crossing != null && crossing > end && m.fit) {
      button.hidden = false;
      button.addEventListener('click', () => {
        const on = button.getAttribute('aria-pressed') !== 'true';
        button.setAttribute('aria-pressed', on);
        charts.splice(charts.findIndex(entry => entry.holder === holder), 1)[0].plot.destroy();
        build(on);
      });
    }
    const still = element('memory-still');
    if (still) still.hidden = true;
  }

  function linesChart() {
    const holder = element('live'), lines = data.live;
    if (!holder || !lines || lines.seconds.length < 2 || lines.series.length === 0) return;
    chart(holder, lines.series.map((s, i) => ({ label: s.name, stroke: palette[i % palette.length], width: 2 })),
      [lines.seconds, ...lines.series.map(s => s.bytes)], { height: 260 });
  }

  function flame() {
    const holder = element('flame');
    if (!holder || !data.flame || !data.flame.children || data.flame.children.length === 0) return;
    const room = () => Math.max(280, holder.clientWidth - 16);  // less the padding
    const graph = leaklineFlame.flamegraph().inverted(true).cellHeight(20).minFrameSize(1).transitionDuration(0)
      .width(room()).sort((a, b) => b.value - a.value)
      .label(d => d.data.name + ' (' + bytesText(d.value) + ', ' + (100 * d.value / data.flame.value).toFixed(1) + ' %)');
    const frames = () => [...holder.querySelectorAll('g.frame')];
    const ready = () => frames().forEach(f => { f.setAttribute('tabindex', '-1'); f.setAttribute('role', 'treeitem'); f.setAttribute('aria-label', f.__data__.data.name); });
    leaklineFlame.select(holder).datum(data.flame).call(graph);
    ready();
    const first = frames()[0];
    if (first) first.setAttribute('tabindex', '0');
    graph.onClick(() => ready());
    holder.addEventListener('keydown', event => {
      const frame = event.target.closest && event.target.closest('g.frame');
      if (!frame) return;
      const node = frame.__data__, siblings = node.parent ? node.parent.children : [node], index = siblings.indexOf(node);
      const to = { ArrowUp: node.parent, ArrowDown: node.children && node.children[0], ArrowLeft: siblings[index - 1], ArrowRight: siblings[index + 1] }[event.key];
      if (to) { const next = frames().find(f => f.__data__ === to); if (next) next.focus(); }
      else if (event.key === 'Enter' || event.key === ' ') graph.zoomTo(node);
      else if (event.key === 'Escape') graph.resetZoom();
      else return;
      ready();
      event.preventDefault();
    });
    const search = element('search'), found = element('found');
    search.addEventListener('input', () => {
      if (search.value.trim() === '') { graph.clear(); found.textContent = ''; return; }
      // The library searches by regular expression; what is typed here is meant literally.
      graph.search(search.value.trim().replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
      const hits = frames().filter(f => f.__data__.highlight);
      found.textContent = hits.length + (hits.length === 1 ? ' frame' : ' frames');
    });
    element('reset').addEventListener('click', () => { search.value = ''; found.textContent = ''; graph.clear(); graph.resetZoom(); ready(); });
    addEventListener('resize', () => { graph.width(room()).update(); ready(); });
  }

  memoryChart();
  linesChart();
  flame();
  const redraw = () => charts.forEach(entry => { entry.plot.destroy(); entry.plot = entry.draw(); });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  let width = innerWidth;
  addEventListener('resize', () => { if (innerWidth !== width) { width = innerWidth; redraw(); } });
  document.documentElement.dataset.drawn = 'true';  // tests wait for it
})();
