# Orders, payments and notifications: a worker for each 50 orders that wait, from none on; payments in order by FIFO. The
# queues are encrypted with a key of the shop's own, whose policy has to allow the workers' roles.

terraform {
  required_version = ">= 1.5"
}

variable "image" {
  type        = string
  description = "The worker's image with the module `shop` in it."
}

variable "subnet_ids" {
  type = list(string)
}

variable "security_group_ids" {
  type = list(string)
}

variable "kms_key_arn" {
  type = string
}

module "shop" {
  source = "../.."

  name               = "shop"
  image              = var.image
  subnet_ids         = var.subnet_ids
  security_group_ids = var.security_group_ids
  kms_key_arn        = var.kms_key_arn
  spot_weight        = 0

  queues = {
    orders = {
      visibility_seconds = 300
      max_receives       = 3
      worker             = { handler = "shop.orders:take", min_tasks = 0, max_tasks = 20, messages_per_task = 50 }
    }
    "payments.fifo" = {
      visibility_seconds          = 300
      max_receives                = 3
      content_based_deduplication = true
      worker                      = { handler = "shop.payments:pay", max_tasks = 5, messages_per_task = 50 }
    }
    notifications = {
      visibility_seconds = 60
    }
  }
}

output "policy_arns" {
  value = module.shop.policy_arns
}
