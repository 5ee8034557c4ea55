/** The CDK app: every stage of cdk.json, or the one that `-c stage=NAME` names, under cdk-nag's AwsSolutions. */
import { App, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks } from "cdk-nag";
import { BrokerStack } from "./broker-stack.ts";
import { readStages } from "./configuration.ts";
import { ConfigurationError } from "./props.ts";

try {
  const app = new App();
  Validations.of(app).addPlugins(new AwsSolutionsChecks());
  const stages = readStages(app.node.tryGetContext("stages"), app.node.tryGetContext("stage"));
  for (const stage of stages) new BrokerStack(app, stage);
  app.synth();
} catch (error) {
  // The operator's mistake is told in a sentence; ours keeps its stack.
  if (!(error instanceof ConfigurationError)) throw error;
  process.stderr.write(`lepta: ${error.message}\n`);
  process.exitCode = 1;
}
