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
  // Powers of two are round in every binary unit.
  const byteSteps = Array.from({ length: 60 }, (_, power) => 2 ** power);
  const timeSteps = [.01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400,
    172800, 432000, 864000, 2592000, 8640000, 31536000];

  const charts = [];
  // A few pages on top of many megabytes are no cliff: the axis spans at least 2 % of the level. It begins at zero unless that
  // would leave the curve less than a quarter of the height. (memory_plot in C++ has the same two constants.)
  function byteRange(u, low, high) {
    if (low == null || high == null) return [0, 1];
    const missing = Math.max(0, Math.abs(high) * 0.02 - (high - low));
    const from = low - (low >= 0 ? Math.min(low, missing / 2) : missing / 2), to = high + missing / 2;
    const range = low >= 0 && to - from >= to * 0.25 ? [0, to + to * 0.06] : uPlot.rangeNum(from, to, 0.1, true);
    u.cropped = range[0] > 0;
    return range;
  }

  function chart(holder, series, columns, extra) {
    const draw = () => {
      const text = colour('--text'), grid = { stroke: colour('--line'), width: 1 };
      const options = {
        width: Math.max(280, holder.clientWidth - 18), height: extra.height || 320, legend: { live: true },
        cursor: { drag: { x: true, y: false } }, scales: { x: { time: false }, y: { range: byteRange } },
        axes: [{ stroke: text, grid, ticks: grid, incrs: timeSteps, values: (u, values) => values.map(secondsText) },
          { stroke: text, grid, ticks: grid, incrs: byteSteps, size: 78, values: (u, values) => values.map(bytesText) }],
        series: [{ label: 'time', value: (u, v) => secondsText(v) },
          ...series.map(s => ({ value: (u, v) => bytesText(v), points: { show: false }, ...s }))],
        bands: extra.bands, hooks: { drawClear: [u => extra.under && extra.under(u)], draw: [u => { note.hidden = !u.cropped; }] },
      };
      holder.textContent = '';
      const note = document.createElement('p');
      note.className = 'cropped';
      note.textContent = 'The axis does not begin at 0.';
      note.hidden = true;
      holder.append(note);
      const plot = new uPlot(options, columns, holder);
      plot.root.querySelectorAll('.u-series').forEach((row, i) => {
        const marker = row.querySelector('.u-marker');
        if (i > 0 && marker) marker.style.background = series[i - 1].swatch || series[i - 1].stroke;
        if (i === 0 && marker) marker.remove();
        if (i > 0 && series[i - 1].unnamed) row.style.display = 'none';
      });
      return plot;
    };
    const entry = { holder, plot: null, draw: () => { if (entry.plot) entry.plot.destroy(); entry.plot = holder.clientWidth > 0 ? draw() : null; } };
    entry.draw();
    charts.push(entry);
    holder.tabIndex = 0;
    holder.onkeydown = event => {  // one handler, however often the chart is made anew
      if (!entry.plot) return;
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
    const holder = element('memory-chart'), m = data.memory;
    if (!holder || !m || m.seconds.length < 2) return;
    const begin = m.seconds[0], end = m.seconds[m.seconds.length - 1];
    // The fitted line needs no more points than its ends: its first is merged into the time column.
    const xs = m.seconds.slice(), value = m.bytes.slice();
    if (m.fit) {
      const i = xs.findIndex(v => v >= m.fit.from);
      if (i >= 0 && xs[i] !== m.fit.from) { xs.splice(i, 0, m.fit.from); value.splice(i, 0, null); }
    }
    const slope = name => xs.map(x => {
      const line = m.fit && m.fit[name];
      return !line || x < m.fit.from ? null : line[0] + (line[1] - line[0]) * (x - m.fit.from) / (end - m.fit.from);
    });
    const columns = [xs, value, slope('line'), slope('low'), slope('high')];
    const faint = 'rgba(207,34,46,.35)';
    const series = [{ label: data.metric, stroke: colour('--accent'), width: 1.5, spanGaps: true },
      { label: 'fitted slope', stroke: colour('--bad'), width: 2, dash: [6, 4] },
      { label: 'low', stroke: faint, width: 1, unnamed: true }, { label: 'high', stroke: faint, width: 1, unnamed: true }];
    if (m.limit != null) {
      columns.push(xs.map(() => m.limit));
      series.push({ label: 'limit', stroke: colour('--doubt'), width: 2, dash: [2, 3] });
    }
    chart(holder, series, columns, {
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
    const still = element('memory-still');
    if (still) still.hidden = true;
  }

  // Stacked: what does not change at the bottom, the line that grows most at the top. The sums are drawn from the largest down, each
  // filled over the one before.
  function linesChart() {
    const holder = element('live-chart'), lines = data.live;
    if (!holder || !lines || lines.seconds.length < 2 || lines.series.length === 0) return;
    const sums = lines.series.map((_, from) => lines.seconds.map((_, i) => lines.series.slice(from).reduce((sum, s) => sum + (s.bytes[i] || 0), 0)));
    const fill = i => lines.others && i === lines.series.length - 1 ? colour('--library') : palette[i % palette.length];
    chart(holder, lines.series.map((s, i) => ({ label: s.name, stroke: fill(i), fill: fill(i), width: 1, value: (u, v, si, at) => bytesText(at == null ? null : s.bytes[at]) })),
      [lines.seconds, ...sums], { height: 280 });
  }

  // Frames of libraries above the first of the user's own code, as one: an event loop is a dozen of them in every stack.
  function folded(root) {
    let most = 0;
    const own = node => !node.library || node.children.some(own);
    const frontier = (node, depth, out) => {
      most = Math.max(most, depth);
      for (const child of node.children) if (child.library && own(child)) frontier(child, depth + 1, out); else out.push(child);
      return out;
    };
    const merged = nodes => {
      const byName = new Map();
      for (const node of nodes) {
        const same = byName.get(node.name);
        byName.set(node.name, !same ? node : { ...same, value: same.value + node.value, children: merged([...same.children, ...node.children]) });
      }
      return [...byName.values()];
    };
    const children = merged(frontier(root, 0, []));
    return { depth: most, root: { ...root, children } };
  }

  function flame() {
    const holder = element('flame'), whole = data.flame;
    if (!holder || !whole || !whole.children || whole.children.length === 0) return;
    const short = folded(whole), unfold = element('unfold'), unit = data.unit ? ' per ' + data.unit : '';
    let drawn = false;
    const room = () => Math.max(280, holder.clientWidth - 16);  // less the padding
    function color(node) {
      const sides = node.data.sides;
      if (!sides) return node.data.library ? colour('--library') : colour('--own');
      const difference = sides[1] - sides[0], larger = Math.max(sides[0], sides[1]);
      return Math.abs(difference) <= 0.05 * larger ? colour('--same') : difference > 0 ? colour('--more') : colour('--less');
    }
    const label = d => d.data.name + (d.data.sides ? ' (before ' + bytesText(d.data.sides[0]) + ', after ' + bytesText(d.data.sides[1]) + unit + ')'
      : ' (' + bytesText(d.value) + ', ' + (100 * d.value / whole.value).toFixed(1) + ' %)');
    const graph = leaklineFlame.flamegraph().inverted(true).cellHeight(20).minFrameSize(1).transitionDuration(0)
      .sort((a, b) => b.value - a.value).setColorMapper(color).label(label);
    const frames = () => [...holder.querySelectorAll('g.frame')];
    const ready = () => frames().forEach(f => {
      f.setAttribute('tabindex', '-1');
      f.setAttribute('role', 'treeitem');
      f.setAttribute('aria-label', f.__data__.data.name);
      f.classList.toggle('leaking', f.__data__.data.leaking === true);
      if (f.__data__.data.leaking) f.parentNode.append(f);  // above its neighbours, whose edges would cover its outline
    });
    function show(root) {
      holder.textContent = '';
      graph.width(room());
      leaklineFlame.select(holder).datum(root).call(graph);
      ready();
      const first = frames().find(f => f.__data__.depth === 0);
      if (first) first.setAttribute('tabindex', '0');
      drawn = true;
    }
    const shown = () => unfold.getAttribute('aria-pressed') === 'true' || short.depth < 2 ? whole : short.root;
    const named = () => { unfold.textContent = (shown() === whole ? 'Fold ' : 'Show ') + short.depth + ' frames above your code'; };
    if (short.depth >= 2) {
      unfold.hidden = false;
      named();
      unfold.addEventListener('click', () => {
        unfold.setAttribute('aria-pressed', unfold.getAttribute('aria-pressed') !== 'true');
        named();
        show(shown());
      });
    }
    if (holder.clientWidth > 0) show(shown());
    whenOpened(holder, () => { if (!drawn) show(shown()); });
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
      if (!to) ready();
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
    addEventListener('resize', () => { if (drawn && holder.clientWidth > 0) { graph.width(room()).update(); ready(); } });
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { if (drawn) show(shown()); });
  }

  // What is folded away has no width, and is drawn when it is opened.
  function whenOpened(holder, draw) {
    const fold = holder.closest('details');
    if (fold) fold.addEventListener('toggle', () => { if (fold.open) draw(); });
  }

  function printing() {
    let opened = [];
    addEventListener('beforeprint', () => {
      opened = [...document.querySelectorAll('details[data-print]:not([open])')];
      opened.forEach(fold => { fold.open = true; });
    });
    addEventListener('afterprint', () => opened.forEach(fold => { fold.open = false; }));
  }

  document.documentElement.classList.add('drawing');
  document.querySelectorAll('tbody.more button').forEach(button => button.addEventListener('click', () => {
    const more = button.closest('tbody');
    more.nextElementSibling.classList.remove('far');
    more.remove();
  }));
  memoryChart();
  linesChart();
  flame();
  printing();
  const redraw = () => charts.forEach(entry => entry.draw());
  charts.forEach(entry => whenOpened(entry.holder, entry.draw));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  let width = innerWidth;
  addEventListener('resize', () => { if (innerWidth !== width) { width = innerWidth; redraw(); } });
  document.documentElement.dataset.drawn = 'true';  // tests wait for it
})();
