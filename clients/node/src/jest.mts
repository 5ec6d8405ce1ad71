export { useApimart } from "./jest.js";
