"use strict";
// What the predecessor calls: the HTTP service that enables a secret on a router, and the SMS provider. Each answers
// after a delay, so that both systems meet the same outside world.
const http = require("node:http");

const routerDelay = Number(process.env.ROUTER_DELAY_MS);
const smsDelay = Number(process.env.SMS_DELAY_MS);
const counts = { enabled: 0, messages: 0 };

function answer(response, body, delay) {
  const send = () => {
    const text = JSON.stringify(body);
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) });
    response.end(text);
  };
  if (delay > 0) setTimeout(send, delay);
  else send();
}

function enable(response, request) {
  counts.enabled += 1;
  answer(response, { success: true, username: request.username }, routerDelay);
}

function send(response, request) {
  counts.messages += 1;
  const result = { "respose-code": 200, "response-description": "Success", mobile: request.mobile, messageid: counts.messages, networkid: "1" };
  answer(response, { responses: [result] }, smsDelay);
}

http.createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    if (request.url === "/counts") return answer(response, counts, 0);
    const body = JSON.parse(Buffer.concat(chunks).toString());
    return request.url.startsWith("/pppoe/") ? enable(response, body) : send(response, body);
  });
}).listen(Number(process.env.PORT), "127.0.0.1");
