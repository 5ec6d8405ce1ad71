// Prints the types of the control API; the server's OpenAPI document comes on standard input.
import { text } from "node:stream/consumers";

import openapiTypescript, { astToString } from "openapi-typescript";

import { controlOf } from "./control.mjs";

const document = controlOf(JSON.parse(await text(process.stdin)));
const head = "// Made from the server's OpenAPI document by `make node-types`.\n\n";
process.stdout.write(head + astToString(await openapiTypescript(document)));
