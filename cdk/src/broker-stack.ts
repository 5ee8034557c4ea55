/** One stage of the broker as a stack, with what the operator wants to know when it is deployed. */
import { CfnOutput, Stack, type StackProps } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { acknowledgeFindings } from "./acknowledged.ts";
import { propsOf, type StageConfiguration } from "./configuration.ts";
import { ScripBroker } from "./scrip-broker.ts";

export class BrokerStack extends Stack {
  readonly broker: ScripBroker;

  constructor(scope: Construct, configuration: StageConfiguration, props: StackProps = {}) {
    const { name, account, region } = configuration;
    super(scope, `lepta-${name}`, {
      description: `Lepta broker, stage ${name}`,
      terminationProtection: true,
      ...(account !== undefined || region !== undefined
        ? { env: { ...(account ? { account } : {}), ...(region ? { region } : {}) } }
        : {}),
      ...props,
    });
    this.broker = new ScripBroker(this, "Broker", propsOf(configuration));
    acknowledgeFindings(this.broker);
    const { url, network, dashboardUrl } = this.broker;
    output(this, "Url", url, "The HTTP API.");
    output(
      this,
      "RootKey",
      network,
      "The root key's thumbprint: publish it where your users can compare it.",
    );
    output(
      this,
      "Address",
      `${url}#${network}`,
      "What wallets and merchants are given: the URL and the pin.",
    );
    output(this, "Dashboard", dashboardUrl, "What happens.");
    output(this, "Next", `npx lepta-admin --stage ${name} doctor`, "The next command: checks all of this.");
  }
}

const output = (scope: Construct, id: string, value: string, description: string): CfnOutput =>
  new CfnOutput(scope, id, { value, description });
