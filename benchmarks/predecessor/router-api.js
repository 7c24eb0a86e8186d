"use strict";
// The HTTP service by which the predecessor enables a secret on a router. It speaks to no router and answers at once,
// which is faster than any real one: how the original's did it is not described.
const http = require("node:http");

function answer(response, body) {
  const text = JSON.stringify(body);
  response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) });
  response.end(text);
}

http.createServer((request, response) => {
  if (request.method === "GET") return answer(response, { status: "healthy" });
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const { username } = JSON.parse(Buffer.concat(chunks).toString());
    answer(response, { success: true, username });
  });
}).listen(Number(process.env.PORT), "127.0.0.1");
