// Opens HTML reports in a real Chromium, from disk and without network.
// usage: node html_test.mjs LEAKLINE SOURCE_DIR [SCREENSHOT_DIR]    exit code 77: Chromium or playwright-core is missing
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import assert from 'node:assert/strict';

const [leakline, source, screenshots] = process.argv.slice(2);
const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync);
const library = join(source, 'build/npm/node_modules/playwright-core');  // put there by scripts/setup.sh
if (!executablePath || !existsSync(library)) {
  console.log('skipped: chromium or playwright-core is missing; scripts/setup.sh brings both');
  process.exit(77);
}
const { chromium } = createRequire(import.meta.url)(library);

const directory = mkdtempSync(join(tmpdir(), 'leakline-html-'));
function report(name, diagnosis) {
  const input = join(directory, name + '.json'), page = join(directory, name + '.html');
  writeFileSync(input, JSON.stringify(diagnosis));
  execFileSync(leakline, ['report', input, '-q', '-o', page], { stdio: ['ignore', 'ignore', 'inherit'] });
  return page;
}
const leak = () => JSON.parse(readFileSync(join(source, 'testdata/golden/diagnosis_v1.json'), 'utf8'));

const hostileText = '</script><script>window.owned=1</script><img src=x onerror="window.owned=1">\'"`${window.owned=1}<!--]]>\u2028\u0000';
function hostile() {
  const poison = (value, key) => Array.isArray(value) ? value.map(v => poison(v, key))
    : value !== null && typeof value === 'object' ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, poison(v, k)]))
    : typeof value === 'string' && !['verdict', 'class', 'per', 'outcome', 'origin', 'by', 'follows', 'runtime'].includes(key) ? value + hostileText : value;
  const diagnosis = poison(leak());
  diagnosis.growth.source = leak().growth.source;         // one of a few words, as a line's source is not
  diagnosis.lines[0].source = '<b>'.repeat(33_000);      // 100 kB lines
  diagnosis.tables[0].rows[2].text = '</td><script>'.repeat(8_000);
  diagnosis.lines[1].function = hostileText + 'x'.repeat(100_000);
  return diagnosis;
}
function million() {
  const diagnosis = leak(), n = 1_000_000;
  diagnosis.series.seconds = Array.from({ length: n }, (_, i) => i / 10);
  diagnosis.series.value_bytes = diagnosis.series.seconds.map((t, i) => 2e7 + 300 * t + 1e5 * Math.sin(i / 7));
  diagnosis.series.requests = [];
  diagnosis.series.process = [];
  return diagnosis;
}

// How many pixels of a canvas (or of any element's picture) differ from its most common color.
const drawnPixels = canvas => canvas.evaluate(element => {
  const pixels = element.getContext('2d').getImageData(0, 0, element.width, element.height).data, colours = new Map();
  for (let i = 0; i < pixels.length; i += 4) {
    const color = pixels[i] << 24 | pixels[i + 1] << 16 | pixels[i + 2] << 8 | pixels[i + 3];
    colours.set(color, (colours.get(color) || 0) + 1);
  }
  return { total: pixels.length / 4, drawn: pixels.length / 4 - Math.max(...colours.values()), colours: colours.size };
});

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
const tests = [];
const test = (name, run) => tests.push([name, run]);
async function open(path, options = {}, ready = 'html[data-drawn]') {
  const context = await browser.newContext({ offline: true, ...options });
  const page = await context.newPage(), problems = [];
  page.on('console', message => { if (['error', 'warning'].includes(message.type())) problems.push(message.text()); });
  page.on('pageerror', error => problems.push(String(error)));
  page.on('request', request => { if (!/^(file|data):/.test(request.url())) problems.push('asks for ' + request.url()); });
  page.on('dialog', dialog => { problems.push('dialog'); dialog.dismiss(); });
  await page.goto('file://' + path);
  if (options.javaScriptEnabled !== false) await page.waitForSelector(ready, { timeout: 60_000 });
  return { page, problems, close: () => context.close() };
}

test('charts are drawn in pixels, and nothing is said on the console', async () => {
  const { page, problems, close } = await open(report('leak', leak()));
  for (const id of ['memory-chart', 'live-chart']) {
    const { total, drawn, colours } = await drawnPixels(page.locator(`#${id} canvas`));
    assert(drawn > total / 500 && drawn < total && colours > 10, `${id}: ${drawn} of ${total} pixels, ${colours} colours`);
  }
  assert(await page.locator('#flame g.frame').count() >= 4);
  const widest = await page.locator('#flame g.frame rect').first().boundingBox();
  assert(widest.width > 500 && widest.height > 10);
  const box = await page.locator('#flame').boundingBox();
  assert(widest.x + widest.width < box.x + box.width - 2, 'the frames run over the box that they are in');
  assert.match(await page.locator('.lead').innerText(), /^live bytes grow by 1\.2 KiB per request/);
  assert.equal(await page.locator('#memory-still').isVisible(), false);
  if (screenshots) await page.screenshot({ path: join(screenshots, 'light.png'), fullPage: true });
  assert.deepEqual(problems, []);
  await close();
});

test('the page begins with figures: verdict, growth, time to the limit, line, detection limit', async () => {
  const diagnosis = leak();
  diagnosis.commit = '0123456789ab';
  const { page, close } = await open(report('figures', diagnosis));
  const tiles = (await page.locator('.tile').allInnerTexts()).map(text => text.replace(/\s+/g, ' ').trim());
  assert.deepEqual(tiles.map(text => text.split(' ').slice(0, 3).join(' ')),
    ['Verdict LEAK', 'Growth per request', 'Time to limit', 'Leaking line track_user_behavior.cpp:42', 'Detection limit 12']);
  assert.match(tiles[1], /1\.17 KiB/);
  assert.match(tiles[2], /1h15m to 512 MiB at the log's rate/);
  assert.equal(await page.title(), 'LEAK: trackd, commit 0123456789ab, 2024-06-07 - leakline');
  assert.match(await page.locator('.about').innerText(), /^commit 0123456789ab · 2024-06-07 08:09 UTC · users\.jsonl, 6 rounds$/);
  // In the order of the page, each with a target.
  const contents = await page.locator('nav.contents a').evaluateAll(links => links.map(link => link.textContent + ' ' + !!document.querySelector(link.getAttribute('href'))));
  assert.deepEqual(contents.slice(0, 3), ['Leaking code true', 'Memory over time true', 'Time to the limit true']);
  assert(contents.every(text => text.endsWith('true')), contents.join());
  // Explanations are folded, and nothing of them is lost.
  assert.equal(await page.getByText('memory grows: linear').isVisible(), false);
  await page.click('details.why > summary');
  assert(await page.getByText('memory grows: linear').isVisible());
  assert.match(await page.locator('tr.at').innerText(), /cache\.append/);
  assert(await page.locator('#glossary').count() === 1 && (await page.locator('#licenses').textContent()).includes('uPlot'));
  await close();
});

test('a page without a leak says so once, and folds what is flat', async () => {
  const diagnosis = leak();
  diagnosis.verdict = 'no_leak';
  diagnosis.reasons = ['no source line keeps growing'];
  for (const member of ['growth', 'headline_line', 'max_growth', 'gates']) delete diagnosis[member];
  for (const line of diagnosis.lines) Object.assign(line, { leaking: false, growth_bytes: 0, live_at_marks: [], class: 'flat' });
  const { page, problems, close } = await open(report('quiet', diagnosis));
  assert.equal((await page.locator('body').innerText()).match(/no leak/gi).length, 1);
  assert.match(await page.locator('.tile').first().innerText(), /NO LEAK\s+above 12 B per request/);
  assert.equal(await page.locator('#live').evaluate(fold => fold.open), false);
  await page.click('#ranking > summary');
  assert.match(await page.locator('#ranking').innerText(), /3 lines without growth/);
  assert.equal(await page.locator('#ranking tbody tr').first().isVisible(), false);
  await page.click('#live > summary');
  assert((await drawnPixels(page.locator('#live-chart canvas'))).drawn > 1000, 'a chart that was folded is not drawn when it is opened');
  assert.deepEqual(problems, []);
  await close();
});

test('frames of libraries above the first own one are folded, and the leaking line is marked', async () => {
  const diagnosis = leak(), caller = (name, library, callers) => ({ file: '/x/' + name + '.cpp', line: 1, function: name, growth_bytes: 6000000, library, callers });
  diagnosis.lines = diagnosis.lines.slice(0, 1);
  diagnosis.lines[0].callers = [caller('handle', false, [caller('invoke', true, [caller('dispatch', true, [caller('start_thread', true, [])])])])];
  const { page, problems, close } = await open(report('folded', diagnosis));
  const names = () => page.locator('#flame g.frame').evaluateAll(frames => frames.map(frame => frame.getAttribute('aria-label').split(' ')[0]).sort());
  assert.deepEqual(await names(), ['growth', 'handle', 'track_user_behavior']);
  assert.match(await page.locator('#flame g.frame.leaking').getAttribute('aria-label'), /^track_user_behavior/);
  assert.equal(await page.locator('#unfold').innerText(), 'Show 3 frames above your code');
  await page.click('#unfold');
  assert.deepEqual(await names(), ['dispatch', 'growth', 'handle', 'invoke', 'start_thread', 'track_user_behavior']);
  const fill = name => page.locator(`#flame g.frame[aria-label^="${name}"] rect`).evaluate(rect => rect.getAttribute('fill'));
  assert.notEqual(await fill('handle'), await fill('dispatch'));
  assert.equal(await fill('invoke'), await fill('dispatch'));
  // The same as lists: from the line outwards, and from the entry points down.
  for (const fold of await page.locator('#calls summary').all()) await fold.click();
  const calls = await page.locator('#calls details').evaluateAll(trees => trees.map(tree => [...tree.querySelectorAll('.call code')].map(code => code.textContent)));
  assert.deepEqual(calls, [['track_user_behavior', 'handle', 'invoke', 'dispatch', 'start_thread'], ['start_thread', 'dispatch', 'invoke', 'handle', 'track_user_behavior']]);
  assert.deepEqual(problems, []);
  await close();
});

test('search finds frames, literally', async () => {
  const { page, close } = await open(report('leak', leak()));
  await page.fill('#search', 'track_user');  // reached through two callers
  assert.equal(await page.locator('#found').innerText(), '2 frames');
  await page.fill('#search', 'routes.cpp:77');
  assert.equal(await page.locator('#found').innerText(), '1 frame');
  await page.fill('#search', '.*');  // no frame holds these two characters
  assert.equal(await page.locator('#found').innerText(), '0 frames');
  await close();
});

test('the keyboard zooms a chart and walks and zooms the icicle', async () => {
  const { page, problems, close } = await open(report('leak', leak()));
  const before = await page.locator('#memory-chart .u-legend, #memory-chart canvas').count();
  assert(before > 0);
  const picture = () => page.locator('#memory-chart canvas').evaluate(c => c.toDataURL());
  const whole = await picture();
  await page.locator('#memory-chart').focus();
  await page.keyboard.press('+');
  await page.waitForTimeout(100);
  const zoomed = await picture();
  assert.notEqual(zoomed, whole);
  await page.keyboard.press('0');
  await page.waitForTimeout(100);
  assert.equal(await picture(), whole);
  await page.locator('#flame g.frame[tabindex="0"]').focus();
  await page.keyboard.press('ArrowDown');
  const name = () => page.evaluate(() => document.activeElement.getAttribute('aria-label'));
  assert.match(await name(), /^run \(/);
  const width = () => page.evaluate(() => document.activeElement.getBoundingClientRect().width);
  await page.keyboard.press('ArrowDown');
  const narrow = await width();
  await page.keyboard.press('Enter');
  assert(await width() >= narrow);
  assert.deepEqual(problems, []);
  await close();
});

test('the projection to the limit is in hours at the rate of the log, with a marker', async () => {
  const { page, close } = await open(report('leak', leak()));
  const texts = await page.locator('#projection svg text').allTextContents();
  assert(texts.includes('reached in 1h15m (1h12m to 1h30m)'), texts.join());
  assert(texts.includes('limit 512 MiB') && texts.includes('1 h') && texts.includes('0 B'), texts.join());
  assert.equal(await page.locator('#projection circle.mark').count(), 2);
  await close();
});

test('hostile names and 100 kB lines are inert', async () => {
  const { page, problems, close } = await open(report('hostile', hostile()));
  await page.fill('#search', '</script>');
  assert.equal(await page.evaluate(() => window.owned), undefined);
  assert.equal(await page.locator('img').count(), 0);
  assert.equal(await page.locator('body b').count(), 0);
  assert((await page.locator('.lead').innerText()).includes('</script><script>window.owned=1'));
  assert.equal(await page.locator('script').count(), 4);  // the data and three of ours
  assert.deepEqual(problems, []);
  await close();
});

test('without JavaScript the tables and a still picture are there', async () => {
  const { page, close } = await open(report('leak', leak()), { javaScriptEnabled: false });
  assert(await page.locator('#memory-still svg').isVisible());
  await page.click('#replay > summary');
  for (const text of ['cache.append(user_id, events);', '+6016384 B', 'p99.9', 'Lines by growth'])
    assert(await page.locator('main').getByText(text).first().isVisible(), text);
  await close();
});

test('a phone is not scrolled sideways, in the dark', async () => {
  const { page, problems, close } = await open(report('leak', leak()), { viewport: { width: 375, height: 700 }, colorScheme: 'dark', deviceScaleFactor: 2 });
  assert(await page.evaluate(() => document.documentElement.scrollWidth) <= 375);
  for (const cell of await page.locator('.ranked td:last-child').all())
    assert((await cell.boundingBox()).width > 300, 'the text of a line is squeezed beside its numbers');
  const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert(background.match(/\d+/g).slice(0, 3).every(value => Number(value) < 64), background);
  if (screenshots) await page.screenshot({ path: join(screenshots, 'phone.png'), fullPage: true });
  assert.deepEqual(problems, []);
  await close();
});

test('it prints on a few pages, without its buttons', async () => {
  const { page, close } = await open(report('leak', leak()));
  const pdf = await page.pdf({ format: 'A4' });
  const pages = pdf.toString('latin1').match(/\/Type\s*\/Page\b/g).length;
  assert(pages >= 1 && pages <= 6, `${pages} pages`);
  await page.emulateMedia({ media: 'print' });
  assert.equal(await page.locator('.tools').first().isVisible(), false);
  await close();
});

test('a million points open in under 2 s', async () => {
  const path = report('million', million());
  assert(readFileSync(path).length < 2_000_000);
  const begin = performance.now();
  const { page, problems, close } = await open(path);
  const took = performance.now() - begin;
  const { drawn } = await drawnPixels(page.locator('#memory-chart canvas'));
  assert(drawn > 1000);
  assert.deepEqual(problems, []);
  console.log(`    drawn after ${Math.round(took)} ms`);
  // On a machine that is busy with other work the clock says little; what counts is that the page holds few points.
  assert(took < 2000 * Math.max(1, Number(process.env.LEAKLINE_TIME_FACTOR || 5)));
  assert(await page.evaluate(() => JSON.parse(document.getElementById('data').textContent).memory.seconds.length) <= 4000);
  await close();
});

test('a comparison is a page too: two rates a line, worst first, hostile names inert', async () => {
  const before = leak(), after = hostile();
  before.lines = before.lines.slice(1);  // the first line of the other side is new
  const [old, now, path] = ['before.json', 'after.json', 'compare.html'].map(name => join(directory, name));
  writeFileSync(old, JSON.stringify(before));
  writeFileSync(now, JSON.stringify(after));
  const done = spawnSync(leakline, ['compare', old, now, '-q', '-o', path], { encoding: 'utf8' });
  assert.equal(done.status, 1, done.stderr);
  const { page, problems, close } = await open(path, { viewport: { width: 375, height: 700 } });
  assert.match(await page.locator('h1').innerText(), /^failed .* leaks? more than before/);
  assert.match(await page.locator('tbody tr').first().innerText(), /^new\s/);
  assert((await page.locator('.ranked td:last-child').first().boundingBox()).width > 300);
  assert((await page.locator('tr.leaking .rate').last().boundingBox()).width > 10, 'the rate of a leaking line has no bar');
  assert.equal(await page.evaluate(() => window.owned), undefined);
  assert.equal(await page.locator('img, body b').count(), 0);
  assert((await page.locator('#flame g.frame').count()) > 2, 'no difference by call path');
  assert(await page.evaluate(() => document.documentElement.scrollWidth) <= 375);
  assert.deepEqual(problems, []);
  await close();
});

let failed = 0;
for (const [name, run] of tests) {
  try {
    await run();
    console.log('ok   ' + name);
  } catch (error) {
    ++failed;
    console.log('FAIL ' + name + '\n' + (error.stack || error));
  }
}
await browser.close();
rmSync(directory, { recursive: true });
process.exit(failed ? 1 : 0);
