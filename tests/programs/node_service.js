// A small HTTP service that keeps a record of 1,000 bytes for each request: node_service.js PORT leak|bounded. bounded: the newest 2,000.
const kept = [], bounded = process.argv[3] === 'bounded';
require('http').createServer((request, response) => {
  kept.push('x'.repeat(500) + request.url + Math.random().toString(36).repeat(40));
  if (bounded && kept.length > 2000) kept.shift();
  response.end('ok');
}).listen(Number(process.argv[2]), '127.0.0.1');
