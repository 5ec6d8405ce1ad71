export { expect, test, useApimart } from "./playwright.js";
