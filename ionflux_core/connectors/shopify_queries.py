"""What is asked of Shopify: the fields of orders, products and customers, by page and in bulk."""

from __future__ import annotations

from typing import Final

MONEY: Final = "{ shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } }"
_TAXES: Final = f"taxLines {{ title rate priceSet {MONEY} }}"
_OFF: Final = f"discountAllocations {{ allocatedAmountSet {MONEY} }}"
_ADDRESS: Final = (
    "{ firstName lastName name company address1 address2 city zip province provinceCode country countryCodeV2 phone }"
)
_NEXT: Final = "pageInfo { hasNextPage endCursor }"

LINE: Final = (
    "id sku title variantTitle name vendor quantity currentQuantity requiresShipping taxable isGiftCard "
    f"originalUnitPriceSet {MONEY} {_OFF} {_TAXES} variant {{ legacyResourceId }} product {{ legacyResourceId }}"
)
SHIPPING: Final = f"id title code originalPriceSet {MONEY} discountedPriceSet {MONEY} {_OFF} {_TAXES}"
_PEOPLE: Final = (
    "email customer { legacyResourceId firstName lastName tags defaultEmailAddress { emailAddress marketingState } } "
    f"shippingAddress {_ADDRESS} billingAddress {_ADDRESS}"
)
_ORDER: Final = f"""
  id legacyResourceId name number createdAt processedAt updatedAt cancelledAt cancelReason closedAt test
  currencyCode presentmentCurrencyCode displayFinancialStatus displayFulfillmentStatus taxesIncluded tags note
  sourceName paymentGatewayNames discountCodes customAttributes {{ key value }}
  totalPriceSet {MONEY} subtotalPriceSet {MONEY} totalDiscountsSet {MONEY} totalTaxSet {MONEY}
  totalTipReceivedSet {MONEY} totalShippingPriceSet {MONEY}
  {_PEOPLE}
  transactions(first: 20) {{ id kind status gateway amountSet {MONEY} fees {{ amount {{ amount currencyCode }} }} }}
  refunds {{ id }}
"""
_PRODUCT: Final = "id legacyResourceId title handle status vendor productType tags createdAt updatedAt publishedAt"
VARIANT: Final = "id legacyResourceId title sku price position inventoryQuantity"
_CUSTOMER: Final = (
    "id legacyResourceId firstName lastName state tags note verifiedEmail numberOfOrders createdAt updatedAt "
    "amountSpent { amount currencyCode } defaultEmailAddress { emailAddress marketingState } "
    f"defaultPhoneNumber {{ phoneNumber }} defaultAddress {_ADDRESS}"
)

SHOP: Final = (
    "query Shop { shop { name myshopifyDomain currencyCode ianaTimezone plan { publicDisplayName } } "
    "currentAppInstallation { accessScopes { handle } } }"
)


def _listing(root: str, fields: str) -> str:
    return (
        f"query {root.capitalize()}($first: Int!, $after: String, $query: String) {{ {root}(first: $first, "
        f"after: $after, query: $query, sortKey: UPDATED_AT) {{ nodes {{ {fields} }} {_NEXT} }} }}"
    )


ORDERS: Final = _listing(
    "orders",
    f"{_ORDER} lineItems(first: 40) {{ nodes {{ {LINE} }} {_NEXT} }} shippingLines(first: 3) "
    f"{{ nodes {{ {SHIPPING} }} {_NEXT} }}",
)
PRODUCTS: Final = _listing("products", f"{_PRODUCT} variants(first: 30) {{ nodes {{ {VARIANT} }} {_NEXT} }}")
CUSTOMERS: Final = _listing("customers", _CUSTOMER)


def without_people(query: str) -> str:
    """A query for orders that asks for nothing about who ordered: apps without read_customers get no answer else."""
    return query.replace(_PEOPLE, "")


def _more(name: str, root: str, inner: str, fields: str) -> str:
    return (
        f"query {name}($id: ID!, $after: String) {{ {root}(id: $id) {{ {inner}(first: 100, after: $after) "
        f"{{ nodes {{ {fields} }} {_NEXT} }} }} }}"
    )


MORE_LINES: Final = _more("MoreLines", "order", "lineItems", LINE)
MORE_SHIPPING: Final = _more("MoreShipping", "order", "shippingLines", SHIPPING)
MORE_VARIANTS: Final = _more("MoreVariants", "product", "variants", VARIANT)
_REFUND_LINE: Final = f"lineItem {{ id }} quantity restockType subtotalSet {MONEY} totalTaxSet {MONEY}"
MORE_REFUNDED: Final = _more("MoreRefunded", "refund", "refundLineItems", _REFUND_LINE)
REFUNDS: Final = f"""
query Refunds($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Refund {{
  id legacyResourceId createdAt note
  refundLineItems(first: 50) {{ nodes {{ {_REFUND_LINE} }} {_NEXT} }}
  refundShippingLines(first: 20) {{ nodes {{ subtotalAmountSet {MONEY} taxAmountSet {MONEY} }} {_NEXT} }}
  orderAdjustments(first: 20) {{ nodes {{ id reason amountSet {MONEY} taxAmountSet {MONEY} }} {_NEXT} }}
  transactions(first: 20) {{ nodes {{ id kind status gateway test createdAt amountSet {MONEY} }} {_NEXT} }}
}} }} }}"""
REFUNDS_AT_ONCE: Final = 5

# In bulk a connection has no limits, and none may stand inside a list: refunds are read one by one afterwards.
_EDGES: Final = "{ edges { node { %s } } }"
BULK: Final = {
    "orders": "{ orders " + _EDGES % (f"{_ORDER} lineItems {_EDGES % LINE} shippingLines {_EDGES % SHIPPING}") + " }",
    "products": "{ products " + _EDGES % f"{_PRODUCT} variants {_EDGES % VARIANT}" + " }",
    "customers": "{ customers " + _EDGES % _CUSTOMER + " }",
}
RUN_BULK: Final = (
    "mutation RunBulk($query: String!) { bulkOperationRunQuery(query: $query, groupObjects: true) "
    "{ bulkOperation { id status createdAt } userErrors { field message } } }"
)
BULK_STATE: Final = (
    "query BulkState($id: ID!) { node(id: $id) { ... on BulkOperation "
    "{ id status errorCode createdAt objectCount url } } }"
)
HOOKS: Final = (
    "query Hooks($after: String) { webhookSubscriptions(first: 100, after: $after) "
    f"{{ nodes {{ id topic uri }} {_NEXT} }} }}"
)
HOOK: Final = (
    "mutation Hook($topic: WebhookSubscriptionTopic!, $uri: String!) { webhookSubscriptionCreate(topic: $topic, "
    "webhookSubscription: {uri: $uri}) { webhookSubscription { id } userErrors { field message } } }"
)
