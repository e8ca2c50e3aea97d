import { readdirSync } from "node:fs";
import { createTypeScriptImportResolver } from "eslint-import-resolver-typescript";
import { importX } from "eslint-plugin-import-x";
import jsxA11y from "eslint-plugin-jsx-a11y";
import reactHooks from "eslint-plugin-react-hooks";
import globals from "globals";
import tseslint from "typescript-eslint";

const steps = readdirSync(new URL("./src/steps", import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

/** Who may import whom: app > steps > kit | api. Steps are strangers to each other. */
const floors = [
  { target: "./src/kit", from: ["./src/app", "./src/api", "./src/steps"], message: "The kit imports nothing of ours." },
  { target: "./src/api", from: ["./src/app", "./src/kit", "./src/steps"], message: "The api imports nothing of ours." },
  { target: "./src/steps", from: ["./src/app"], message: "A step uses kit and api only." },
  ...steps.map((step) => ({
    target: `./src/steps/${step}`,
    from: "./src/steps",
    except: [`./${step}`],
    message: "Steps are strangers: share through kit or api.",
  })),
];

const network = ["fetch", "WebSocket", "EventSource", "XMLHttpRequest"].map((name) => ({
  name,
  message: "Only src/api speaks to the network.",
}));

export default tseslint.config(
  { ignores: ["node_modules", "src/api/schema.d.ts", "pictures"] },
  ...tseslint.configs.strictTypeChecked.map((config) => ({ ...config, files: ["**/*.{ts,tsx}"] })),
  {
    files: ["**/*.{ts,tsx}"],
    plugins: { "import-x": importX, "react-hooks": reactHooks },
    extends: [jsxA11y.flatConfigs.strict],
    languageOptions: { globals: globals.browser, parserOptions: { projectService: true } },
    settings: { "import-x/resolver-next": [createTypeScriptImportResolver()] },
    rules: {
      ...reactHooks.configs.recommended.rules,
      "import-x/no-restricted-paths": ["error", { zones: floors }],
      "import-x/no-cycle": "error",
      "max-lines": ["error", { max: 250, skipBlankLines: false, skipComments: false }],
      "no-restricted-globals": ["error", ...network],
      "no-restricted-imports": ["error", { paths: [{ name: "socket.io-client", message: "Only src/api/live.ts." }] }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // The compiler's own rules: it is not used here.
      "react-hooks/preserve-manual-memoization": "off",
      "react-hooks/immutability": "off",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
    },
  },
  { files: ["src/api/**"], rules: { "no-restricted-globals": "off", "no-restricted-imports": "off" } },
  {
    files: ["**/*.test.{ts,tsx}", "tests/**"],
    rules: { "@typescript-eslint/no-non-null-assertion": "off", "no-restricted-globals": "off" },
  },
);
