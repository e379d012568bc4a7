// Opens our .speedscope.json and .folded exports in speedscope itself, in a real Chromium, from disk and without network:
// the total weight that it shows is the growth that we wrote.
// usage: node speedscope_test.mjs LEAKLINE SOURCE_DIR    exit code 77: Chromium, playwright-core or speedscope is missing
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import assert from 'node:assert/strict';

const [leakline, source] = process.argv.slice(2);
const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync);
const modules = join(source, 'build/npm/node_modules');  // put there by scripts/setup.sh
const app = join(modules, 'speedscope/dist/release/index.html');
if (!executablePath || !existsSync(join(modules, 'playwright-core')) || !existsSync(app)) {
  console.log('skipped: chromium, playwright-core or speedscope is missing; scripts/setup.sh brings them');
  process.exit(77);
}
const { chromium } = createRequire(import.meta.url)(join(modules, 'playwright-core'));

const directory = mkdtempSync(join(tmpdir(), 'leakline-speedscope-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
const diagnosis = join(source, 'testdata/golden/diagnosis_v1.json');
const exports = ['.speedscope.json', '.folded'].map(extension => join(directory, 'growth' + extension));
execFileSync(leakline, ['report', diagnosis, '-q', ...exports.flatMap(path => ['-o', path])], { stdio: ['ignore', 'ignore', 'inherit'] });

// Own weight of each function, from the lines of the folded form.
const self = new Map();
for (const line of readFileSync(exports[1], 'utf8').trim().split('\n')) {
  const [, stack, weight] = line.match(/^(.*) (\d+)$/), name = stack.split(';').pop();
  self.set(name, (self.get(name) ?? 0) + Number(weight));
}
const heaviest = [...self.entries()].sort((a, b) => b[1] - a[1]);
assert.ok(heaviest.length >= 3 && heaviest[0][1] > 0);

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--allow-file-access-from-files'] });
try {
  for (const path of exports) {
    const loader = join(directory, 'loader.js');
    writeFileSync(loader, `speedscope.loadFileFromBase64(${JSON.stringify(path.split('/').pop())}, ${JSON.stringify(readFileSync(path).toString('base64'))})`);
    const page = await (await browser.newContext({ offline: true })).newPage();
    const errors = [];
    page.on('pageerror', error => errors.push(String(error)));
    page.on('dialog', dialog => { errors.push(dialog.message()); dialog.dismiss(); });
    await page.goto(`file://${app}#localProfilePath=${loader}`);
    await page.waitForFunction(() => /Sandwich/.test(document.body.innerText), undefined, { timeout: 90_000 });
    assert.deepEqual(errors, []);
    await page.keyboard.press('3');  // the sandwich view: functions with total and own weight, heaviest first
    // Its rows come after its header, a frame or more later.
    await page.waitForFunction(
      count => document.body.innerText.split('Symbol Name')[1]?.trim().split('\n').length >= 3 * count,
      heaviest.length, { timeout: 60_000 });
    // A row is three lines: total, self, name.
    const lines = (await page.evaluate(() => document.body.innerText)).split('\n').map(line => line.trim());
    const rows = [];
    for (let i = lines.findIndex(line => line.startsWith('Total')) + 1; i + 2 < lines.length; i += 3)
      rows.push({ self: lines[i + 1], name: lines[i + 2] });
    assert.ok(rows.length >= heaviest.length, lines.join('|'));
    for (const [index, [name, weight]] of heaviest.slice(0, 3).entries()) {
      assert.ok(name.startsWith(rows[index].name) && rows[index].name !== '', `${rows[index].name} stands for ${name}`);
      if (path.endsWith('.folded')) assert.equal(Number(rows[index].self.split(' ')[0].replaceAll(',', '')), weight);
    }
    console.log(`ok   speedscope opens ${path.split('/').pop()}`);
    await page.close();
  }
} finally {
  await browser.close();
}
