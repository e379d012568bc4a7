// Holds the workflow commands to GitHub's own writer of them, @actions/core: what it makes of the same level, properties
// and message has to be the same line, byte for byte.
// usage: node workflow_commands_test.mjs LEAKLINE SOURCE_DIR    exit code 77: @actions/core is missing
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import assert from 'node:assert/strict';

const [leakline, source] = process.argv.slice(2).map(path => resolve(path));
const library = join(source, 'build/npm/node_modules/@actions/core/lib/command.js');  // put there by scripts/setup.sh
if (!existsSync(library)) {
  console.log('skipped: @actions/core is missing; scripts/setup.sh brings it');
  process.exit(77);
}

const directory = mkdtempSync(join(tmpdir(), 'leakline-commands-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
const hostile = 'a%0Ab\r\n::error file=x::y, z: {"k"} \u00e9\u20ac';

// A repository with a file of a hostile name, so that a line of it gets an annotation.
const file = 'src/a,b:100%.cpp';
execFileSync('git', ['init', '-q', directory]);
execFileSync('mkdir', ['-p', join(directory, 'src')]);
writeFileSync(join(directory, file), 'int main() {}\n');
const diagnosis = JSON.parse(readFileSync(join(source, 'testdata/golden/diagnosis_v1.json'), 'utf8'));
diagnosis.reasons = [hostile + '\u20ac'.repeat(3000)];
diagnosis.gates = [{ name: hostile, outcome: 'failed', message: hostile }];
for (const line of diagnosis.lines) {
  line.leaking = true;
  line.file = join(directory, file);
  line.function = hostile;
  line.source = hostile;
}
writeFileSync(join(directory, 'in.json'), JSON.stringify(diagnosis));
const done = spawnSync(leakline, ['report', 'in.json', '-q'], {
  cwd: directory, encoding: 'utf8', env: { ...process.env, GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: '', GITHUB_WORKSPACE: directory },
});
assert.equal(done.status, 0, done.stderr);
const lines = done.stderr.split('\n').filter(line => line.startsWith('::'));
assert.ok(lines.length >= 3, done.stderr);
assert.equal(done.stderr.includes('\ufffd'), false, 'a character was cut in two');

const unescape = text => text.replace(/%(25|0D|0A|3A|2C)/g, (_, code) => String.fromCharCode(parseInt(code, 16)));
const files = [];
for (const line of lines) {
  const [, level, list, message] = line.match(/^::([a-z]+) ([^:]*)::(.*)$/);
  const properties = Object.fromEntries(list.split(',').map(pair => pair.split('=').map(unescape)));
  if (properties.file) files.push(properties.file);
  const core = execFileSync(process.execPath,
    ['-e', 'const [l, lib, p, m] = process.argv.slice(1); require(lib).issueCommand(l, JSON.parse(p), m)',
      level, library, JSON.stringify(properties), unescape(message)], { encoding: 'utf8' });
  assert.equal(core, line + '\n');
}
assert.ok(files.length >= 1 && files.every(name => name === file), `annotated are ${files}`);
console.log(`ok   ${lines.length} workflow commands are those that @actions/core writes`);
