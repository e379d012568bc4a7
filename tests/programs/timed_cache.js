// A small HTTP service that keeps an entry per request for 30 minutes and sweeps every 10: timed_cache.js PORT [leak] [log=FILE]
// With `leak`, one buffer per request stays for ever as well. At the end it appends the number of sweeps that freed entries to FILE.
const http = require('http'), fs = require('fs');
const LIFETIME = 1800e3, SWEEP_EVERY = 600e3;
const leaks = process.argv.includes('leak');
const log = (process.argv.find(word => word.startsWith('log=')) || 'log=/dev/null').slice(4);
let kept = [], sweeps = 0;
const leaked = [];
setInterval(() => {
  const from = kept.findIndex(entry => Date.now() - entry.at < LIFETIME), old = from < 0 ? kept.length : from;
  if (old > 0) ++sweeps;
  kept = kept.slice(old);
}, SWEEP_EVERY);
http.createServer((request, response) => {
  kept.push({at: Date.now(), block: Buffer.alloc(4096, 1)});
  if (leaks) leaked.push(Buffer.alloc(4096, 1));
  response.end('ok');
}).listen(Number(process.argv[2]), '127.0.0.1');
process.on('SIGTERM', () => {
  fs.appendFileSync(log, `${sweeps}\n`);
  process.exit(0);
});
