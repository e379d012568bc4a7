// leakline mcp with the official client of the Model Context Protocol: its tools, their results, progress, cancellation, and hostile input.
// usage: node client_test.mjs LEAKLINE SOURCE_DIR    exit code 77: @modelcontextprotocol/sdk is missing
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [leakline, source] = process.argv.slice(2).map(path => resolve(path));
const packages = join(source, 'build/npm/mcp/node_modules');  // put there by scripts/setup.sh
if (!existsSync(join(packages, '@modelcontextprotocol/sdk'))) {
  console.log('skipped: @modelcontextprotocol/sdk is missing; scripts/setup.sh brings it');
  process.exit(77);
}
const sdk = name => import(pathToFileURL(join(packages, '@modelcontextprotocol/sdk/dist/esm', name)).href);
const { Client } = await sdk('client/index.js');
const { StdioClientTransport } = await sdk('client/stdio.js');
const Ajv = createRequire(join(packages, 'x'))('ajv/dist/2020.js').default;

const directory = mkdtempSync(join(tmpdir(), 'leakline-mcp-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
const temporary = join(directory, 'tmp');
execFileSync('mkdir', [temporary]);

const client = new Client({ name: 'test', version: '1' });
const transport = new StdioClientTransport({
  command: leakline, args: ['mcp'], cwd: directory, env: { ...process.env, TMPDIR: temporary }, stderr: 'inherit',
});
await client.connect(transport);
const call = (name, args, options) => client.callTool({ name, arguments: args }, undefined, options);
const ok = text => console.log('ok   ' + text);

assert.equal(client.getServerVersion().name, 'leakline');
await client.ping();
const { tools } = await client.listTools();
assert.deepEqual(tools.map(tool => tool.name).sort(), ['audit', 'compare', 'diagnose', 'holders', 'lines', 'minimize', 'trend']);
const schemas = Object.fromEntries(tools.map(tool => [tool.name, new Ajv({ strict: true }).compile(tool.inputSchema)]));
const schemaOf = name => tools.find(tool => tool.name === name).inputSchema;
assert.deepEqual(schemaOf('lines').required, ['recording']);
assert.equal(schemaOf('diagnose').properties['memory-limit'].type, 'string');
assert.deepEqual(schemaOf('diagnose').properties.mode.enum, ['leaky', 'bounded', 'lru', 'ttl']);
assert.equal(schemaOf('diagnose').properties.format, undefined);
ok('7 tools with valid schemas');

// The same as the command gives, as JSON and as text.
const sampled = join(directory, 'samples.csv');
writeFileSync(sampled, 't_s,rss_bytes\n' + Array.from({ length: 200 }, (_, i) => `${i},${2e7 + i * 1e5}\n`).join(''));
const golden = join(source, 'testdata/golden/diagnosis_v1.json');
const recording = join(source, 'testdata/cases/export_without_trailer.heaptrack');
const planted = join(source, 'tests/audit/programs/growing.py');
for (const [name, args, words] of [
  ['trend', { files: [sampled], 'memory-limit': '512MiB' }, ['--memory-limit', '512MiB', sampled]],
  ['lines', { recording: [recording], top: 2 }, ['--top', '2', recording]],
  ['compare', { before: golden, after: golden }, [golden, golden]],
  ['audit', { paths: [planted], 'no-cache': true }, ['--no-cache', planted]],
]) {
  assert.ok(schemas[name](args), name);
  const result = await call(name, args);
  assert.equal(result.isError, false, JSON.stringify(result.content));
  const run = format => {
    try {
      return execFileSync(leakline, [name, '--format', format, ...words], { encoding: 'utf8', cwd: directory, stdio: ['ignore', 'pipe', 'ignore'] });
    } catch (error) {
      return error.stdout;  // a leak has exit code 1
    }
  };
  assert.deepEqual(result.structuredContent, JSON.parse(run('json')), name);
  assert.equal(result.content[0].text, run('text'), name);
}
ok('trend, lines, compare and audit return what the commands print');

// What a call cannot do is said to the model, with the name that was meant.
const refused = await call('diagnose', { trafic: 'x' });
assert.equal(refused.isError, true);
assert.match(refused.content[0].text, /unknown argument 'trafic'; did you mean 'traffic'\?/);
assert.equal(schemas.diagnose({ trafic: 'x' }), false);
for (const [name, args, expected] of [
  ['lines', {}, /no FILE given/],
  ['lines', { recording: ['/nowhere'] }, /no such file/],
  ['lines', { recording: [['a']] }, /recording: must be/],
  ['compare', { before: ['a'], after: 'b' }, /before: must be a string/],
  ['diagnose', { rounds: 2 }, /must be between 4 and 10000/],
  ['diagnose', { command: ['./service'] }, /no traffic to send/],
  ['minimize', { log: 'x.jsonl' }, /no service to start/],
  ['holders', { pid: 999999999 }, /999999999/],
]) {
  const result = await call(name, args);
  assert.equal(result.isError, true, name);
  assert.match(result.content.map(part => part.text).join(''), expected);
}
await assert.rejects(call('rm', {}), error => error.code === -32602);
await assert.rejects(client.listResources(), /./);
ok('what cannot be done is refused with reasons');

// Progress and cancellation: the service and all files are gone. A second measurement waits for the first; it is canceled unbegun.
const processes = () => readdirSync('/proc').filter(name => /^\d+$/.test(name)).filter(pid => {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`TMPDIR=${temporary}`) && pid != transport.pid;
  } catch {
    return false;
  }
});
const until = async (what, holds) => {
  for (const begun = Date.now(); !holds(); await new Promise(done => setTimeout(done, 50)))
    assert.ok(Date.now() - begun < 60000, 'waited too long: ' + what);
};
const idle = processes();  // the guard of the server
const abort = new AbortController();
const progress = [];
const running = call('diagnose', { mode: 'leaky' }, { signal: abort.signal, onprogress: step => progress.push(step) });
const waiting = call('minimize', { log: 'x.jsonl' }, { signal: abort.signal });
for (const one of [running, waiting]) one.catch(() => {});
await until('progress', () => progress.length >= 2 && processes().some(pid => {
  try { return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('trackd'); } catch { return false; }
}));
assert.ok(progress.every((step, i) => step.progress === i + 1 && step.message.length > 3), JSON.stringify(progress));
await client.ping();  // is answered meanwhile
abort.abort('enough');
await assert.rejects(running);
await assert.rejects(waiting);
await until('the end of the service', () => processes().every(pid => idle.includes(pid)));
await until('the end of its files', () => readdirSync(temporary).length === 0);
ok('a canceled diagnosis leaves no process and no file');

const trend = await call('trend', { files: [sampled] });
assert.equal(trend.structuredContent.verdict, 'growing');
await client.close();

// Hostile input ends nothing; the end of the input does, with calls that run.
const server = spawn(leakline, ['mcp'], { cwd: directory, env: { ...process.env, TMPDIR: temporary }, stdio: ['pipe', 'pipe', 'inherit'] });
const lines = [];
createInterface({ input: server.stdout }).on('line', line => lines.push(JSON.parse(line)));
const ended = new Promise(done => server.on('exit', (code, signal) => done({ code, signal })));
server.stdin.write('}{\n\x00\xff\n[[[[\n' + '['.repeat(5e6) + '\n' + '{"a":'.repeat(1e5) + '\n[1,2]\n{"jsonrpc":"2.0","id":{},"method":1}\n');
server.stdin.write('{' + Array.from({ length: 2e5 }, (_, i) => `"k${i}":${i}`).join(',') + '}\n');
for (let i = 0; i < 50; ++i)
  server.stdin.write(JSON.stringify({ jsonrpc: '2.0', id: 'd' + i, method: 'tools/call', params: { name: 'diagnose', arguments: {} } }) + '\n');
server.stdin.write('{"jsonrpc":"2.0","id":"last","method":"ping"}\n');
await until('the answer behind hostile input', () => lines.some(line => line.id === 'last'));
assert.equal(lines.filter(line => line.error?.code === -32700).length, 5);
assert.equal(lines.filter(line => line.result?.isError).length, 50 - 32);
server.stdin.end();
assert.deepEqual(await ended, { code: 0, signal: null });
await until('the end of all calls', () => processes().length === 0);
assert.deepEqual(readdirSync(temporary), []);
ok('hostile input is answered, and the end of the input ends all calls');
