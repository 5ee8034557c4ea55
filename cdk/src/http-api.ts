/** The HTTP API: the route table, each route throttled for itself, every request in an access log. */
import { type Capability, crossOrigin, type Route, routes } from "@lepta/lambdas/routes";
import { Duration, RemovalPolicy } from "aws-cdk-lib";
import { AccessLogFormat } from "aws-cdk-lib/aws-apigateway";
import {
  type CfnStage,
  CorsHttpMethod,
  HttpApi,
  HttpMethod,
  HttpStage,
  LogGroupLogDestination,
} from "aws-cdk-lib/aws-apigatewayv2";
import { HttpLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import type { IFunction } from "aws-cdk-lib/aws-lambda";
import { LogGroup, type RetentionDays } from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";

/** Requests per second, and how many may come at once. */
export interface Throttle {
  readonly rate: number;
  readonly burst: number;
}

/** What a route of each capability takes; enrolments and settlements are rare, and make state that stays. */
export const standardThrottle: Readonly<Record<Capability, Throttle>> = {
  keys: { rate: 500, burst: 1000 },
  enrol: { rate: 50, burst: 100 },
  fund: { rate: 200, burst: 400 },
  authorise: { rate: 1000, burst: 2000 },
  settle: { rate: 20, burst: 40 },
  notices: { rate: 2000, burst: 4000 },
  query: { rate: 500, burst: 1000 },
};

export interface HttpApiOptions {
  readonly stage: string;
  readonly functions: Readonly<Record<Capability, IFunction>>;
  readonly throttle: Partial<Record<Capability, Throttle>>;
  readonly logRetention: RetentionDays;
}

export function createHttpApi(
  scope: Construct,
  { stage, functions, throttle, logRetention }: HttpApiOptions,
): { readonly api: HttpApi; readonly url: string } {
  const api = new HttpApi(scope, "Api", {
    apiName: `lepta-${stage}`,
    description: `Lepta ${stage}: the broker`,
    createDefaultStage: false,
    corsPreflight: {
      allowOrigins: [crossOrigin.origin],
      allowMethods: crossOrigin.methods.map((method) => CorsHttpMethod[method]),
      allowHeaders: [...crossOrigin.headers],
      maxAge: Duration.seconds(crossOrigin.maxAgeSeconds),
    },
  });
  for (const { method, path, capability } of routes)
    api.addRoutes({
      path,
      methods: [HttpMethod[method]],
      integration: new HttpLambdaIntegration(`${capability}Integration`, functions[capability]),
    });
  const limitOf = ({ capability }: Route) => throttle[capability] ?? standardThrottle[capability];
  const log = new LogGroup(scope, "AccessLog", {
    retention: logRetention,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const httpStage = new HttpStage(scope, "Stage", {
    httpApi: api,
    stageName: "$default",
    autoDeploy: true,
    detailedMetricsEnabled: true,
    // What no route names: there is no such door, and it is answered as slowly as the rarest.
    throttle: { rateLimit: standardThrottle.settle.rate, burstLimit: standardThrottle.settle.burst },
    accessLogSettings: {
      destination: new LogGroupLogDestination(log),
      format: AccessLogFormat.custom(JSON.stringify(ACCESS)),
    },
  });
  (httpStage.node.defaultChild as CfnStage).routeSettings = Object.fromEntries(
    routes.map((route) => {
      const { rate, burst } = limitOf(route);
      const settings = {
        ThrottlingRateLimit: rate,
        ThrottlingBurstLimit: burst,
        DetailedMetricsEnabled: true,
      };
      return [`${route.method} ${route.path}`, settings];
    }),
  );
  // A stage's settings name routes, which must be there first.
  httpStage.node.addDependency(...api.node.children.filter(({ node }) => node.id !== "Resource"));
  return { api, url: httpStage.url.replace(/\/$/, "") };
}

/** What one request leaves in the access log: no address of a caller, nothing of its contents. */
const ACCESS = {
  id: "$context.requestId",
  time: "$context.requestTimeEpoch",
  route: "$context.routeKey",
  status: "$context.status",
  bytes: "$context.responseLength",
  milliseconds: "$context.responseLatency",
  integration: "$context.integrationStatus",
};
