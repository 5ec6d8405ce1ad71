export { apimartOf, useApimart } from "./node.js";
