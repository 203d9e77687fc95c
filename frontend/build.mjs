// Bundles every folder with an index.ts, or those named, into ../static/<folder>/<folder>.js and lists the licences of
// what went in.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const named = process.argv.slice(2);
const folders = named.length ? named : readdirSync(here, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(join(here, entry.name, "index.ts")))
  .map((entry) => entry.name);

function packageOf(input) {
  const match = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
  return match ? match[1] : null;
}

function licences(inputs) {
  const names = [...new Set(inputs.map(packageOf).filter(Boolean))].sort();
  return names.map((name) => {
    const folder = join(here, "node_modules", name);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (!file) throw new Error(`${name} has no licence file`);
    return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
  });
}

/** A mark of everything that a bundle is made from; a test compares it with the sources, so no rebuild is forgotten. */
function sourceMark(folder) {
  const sources = [folder, "shared"].flatMap((part) => filesOf(part)).sort();
  const hash = createHash("sha256");
  for (const name of [...sources, "build.mjs", "package.json"]) hash.update(readFileSync(join(here, name)));
  return hash.digest("hex");
}

function filesOf(folder) {
  return readdirSync(join(here, folder), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesOf(`${folder}/${entry.name}`) : [`${folder}/${entry.name}`]);
}

for (const folder of folders) {
  const target = join(here, "..", "static", folder);
  rmSync(target, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: here,
    entryPoints: [join(folder, "index.ts")],
    outfile: join(target, `${folder}.js`),
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    banner: { js: `// Built from frontend/${folder}; sources ${sourceMark(folder)}; licences in LICENSES.txt.` },
    loader: { ".css": "text" },
    metafile: true,
  });
  const separator = `\n${"-".repeat(72)}\n\n`;
  writeFileSync(join(target, "LICENSES.txt"), licences(Object.keys(metafile.inputs)).join(separator));
}
