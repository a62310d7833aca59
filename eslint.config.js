import js from "@eslint/js";
import globals from "globals";

const MARKUP = "text is never parsed as HTML: make() of dom.js";

export default [
  { ignores: ["static/vendor/", "**/*.d.ts"] },
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "array-callback-return": "error",
      "consistent-return": "error",
      curly: ["error", "multi-line"],
      eqeqeq: ["error", "always", { null: "ignore" }],
      "max-len": ["error", { code: 120, ignoreUrls: true }],
      "max-lines": ["error", 400],
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-promise-executor-return": "error",
      "no-restricted-properties": [
        "error",
        { property: "innerHTML", message: MARKUP },
        { property: "outerHTML", message: MARKUP },
        { property: "insertAdjacentHTML", message: MARKUP },
        { object: "document", property: "write", message: MARKUP },
      ],
      "no-self-compare": "error",
      "no-shadow": "error",
      "no-throw-literal": "error",
      "no-unused-vars": ["error", { args: "all", argsIgnorePattern: "^_", caughtErrors: "all" }],
      "no-use-before-define": ["error", { functions: false, variables: false }],
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "prefer-template": "error",
      "require-await": "error",
    },
  },
  { files: ["static/**"], languageOptions: { globals: globals.browser } },
  {
    files: ["static/console/theme-init.js"],
    languageOptions: { sourceType: "script" },
    rules: { "no-var": "off" }, // every browser has to paint the page
  },
  {
    files: ["tests/js/**"],
    languageOptions: { globals: { ...globals.browser, ...globals.node } },
    rules: { "no-restricted-properties": "off" }, // a test's page is its own text
  },
];
