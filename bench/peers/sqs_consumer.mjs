// sqs-consumer as its documentation says it is quickest: handleMessageBatch, batchSize 10, and several consumers over one
// client, because one consumer begins no receive before its last batch is deleted. Runs until it is killed.

import { SQSClient } from '@aws-sdk/client-sqs';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { Agent } from 'node:http';
import { Consumer } from 'sqs-consumer';

const consumers = Number(process.env.CONSUMERS ?? 16);
const sqs = new SQSClient({
  endpoint: process.env.ENDPOINT_URL,
  requestHandler: new NodeHttpHandler({ httpAgent: new Agent({ keepAlive: true, maxSockets: 2 * consumers }) }),
});

for (let number = 0; number < consumers; number += 1) {
  const consumer = Consumer.create({
    sqs,
    queueUrl: process.env.QUEUE_URL,
    batchSize: 10,
    waitTimeSeconds: 20,
    handleMessageBatch: async (messages) => {
      for (const message of messages) JSON.parse(message.Body);
      return messages;
    },
  });
  for (const event of ['error', 'processing_error', 'timeout_error']) {
    consumer.on(event, (error) => console.error(error.message));
  }
  consumer.start();
}
