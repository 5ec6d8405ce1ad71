// Prints the types of the control API; the server's OpenAPI document comes on standard input.
import { readFileSync } from "node:fs";

import openapiTypescript, { astToString } from "openapi-typescript";

import { controlOf } from "./control.mjs";

const document = controlOf(JSON.parse(readFileSync(0, "utf8")));
const head = "// Made from the server's OpenAPI document by `make node-types`.\n\n";
process.stdout.write(head + astToString(await openapiTypescript(document)));
