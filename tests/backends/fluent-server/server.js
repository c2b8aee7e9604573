// A server of the Fluent organisation's own library. Its one argument is JSON: {port, output, security}.
// Each entry becomes a line of the output file.
const fs = require("fs");
const { FluentServer } = require("@fluent-org/logger");

const { port, output, security } = JSON.parse(process.argv[2]);
const file = fs.openSync(output, "a");
const server = new FluentServer({ security, listenOptions: { host: "127.0.0.1", port } });
server.on("entry", (tag, time, record) => {
  // A time without nanoseconds is a number.
  const at = { seconds: time.epoch ?? time, nanoseconds: time.nano ?? 0 };
  fs.writeSync(file, JSON.stringify({ tag, ...at, record }) + "\n");
});
server.listen().then(() => console.log("ready"));
