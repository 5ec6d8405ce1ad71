module.exports = { testMatch: ["**/*.js"], testPathIgnorePatterns: ["config"] };
