export default { test: { include: ["*.mts"] } };
