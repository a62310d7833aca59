// Every test in one process: loading the DOM takes longer than all of them.
import { readdirSync } from "node:fs";

const names = readdirSync(new URL(".", import.meta.url)).filter((name) => name.endsWith(".test.js"));
if (!names.length) throw new Error("There is no test in tests/js.");
for (const name of names) await import(new URL(name, import.meta.url));
