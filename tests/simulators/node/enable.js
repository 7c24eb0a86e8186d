// Enables the secret named on the command line and prints what the router then holds, after one keepalive.
const { RouterOSAPI } = require("node-routeros");

const [port, name] = process.argv.slice(2);

async function main() {
  const router = new RouterOSAPI({
    host: "127.0.0.1", port: Number(port), user: "rejesha", password: "router-pass", timeout: 1, keepalive: true,
  });
  await router.connect();
  const [secret] = await router.write("/ppp/secret/print", [`?name=${name}`]);
  await router.write("/ppp/secret/set", [`=numbers=${secret[".id"]}`, "=disabled=no"]);
  await new Promise((resolve) => setTimeout(resolve, 1500)); // the client's keepalive goes out after half its timeout
  process.stdout.write(JSON.stringify(await router.write("/ppp/secret/print", [`?.id=${secret[".id"]}`])));
  await router.close();
}

main().then(() => process.exit(0), (error) => {
  process.stderr.write(`${error}\n`);
  process.exit(1);
});
